"""What a Flask route costs by itself, and with one SELECT through Flask-SQLAlchemy: the yardsticks."""

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

from config import Config

db = SQLAlchemy()
app = Flask(__name__, static_folder=None)
app.config["SQLALCHEMY_DATABASE_URI"] = Config.load().stores.database_url
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 16}
db.init_app(app)


@app.get("/bare")
def bare() -> dict[str, str]:
    """Respond with Flask alone."""
    return {"status": "bare"}


@app.get("/bare-select")
def bare_select() -> dict[str, object]:
    """The lightest statement there is."""
    return {"status": "bare", "one": db.session.execute(text("SELECT 1")).scalar()}
