# Read by the flask command (through python-dotenv): where the application is.
FLASK_APP=wsgi:app
