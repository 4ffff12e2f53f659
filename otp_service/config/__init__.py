"""The settings: read from the environment and `.env`, checked once, then frozen.

What several features share is an attribute of `Config`. The settings of one feature stand in that feature's package,
as a frozen dataclass with a reader, and are found by their type: `settings().of(MailSettings)`. The root `config.py`
lists the readers; factors bring theirs by the registry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeVar, cast

from otp_service.config.env_file import EnvFileFault, merged, read_env_file
from otp_service.config.keys import TokenSettings, read_encryption_keys, read_instance_dir, read_tokens
from otp_service.config.passwords_and_codes import (
    CodeSettings,
    PasswordSettings,
    SignInSettings,
    read_codes,
    read_passwords,
    read_sign_in,
)
from otp_service.config.reader import Reader, SectionReader
from otp_service.config.server import LimitSettings, ServerSettings, read_limits, read_server
from otp_service.config.sinch import SinchAccess, read_sinch
from otp_service.config.stores import StoreSettings, read_stores

ROOT = Path(__file__).resolve().parents[2]
ENV_FILE = ROOT / ".env"
S = TypeVar("S")


class ConfigError(SystemExit):
    """A setting is missing or invalid; `faults` has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The service cannot start. Fix these settings:\n" + "\n".join(f"  {f}" for f in faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings, in their own types and units. Names follow the environment variables.

    `asked` has the name of every variable that was read.
    """

    app_env: str
    security_profile: str
    instance_dir: Path
    encryption_keys: tuple[bytes, ...] = field(repr=False)
    server: ServerSettings
    limits: LimitSettings
    stores: StoreSettings
    tokens: TokenSettings
    passwords: PasswordSettings
    sign_in: SignInSettings
    codes: CodeSettings
    sinch: SinchAccess
    sections: Mapping[type, object] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def is_production(self) -> bool:
        """Whether the rules for real traffic apply."""
        return self.app_env == "production"

    def of(self, kind: type[S]) -> S:
        """Return the settings of one feature by their type. Raises KeyError for a type that no reader returned."""
        return cast(S, self.sections[kind])

    def with_section(self, section: object) -> Self:
        """Return the same settings with those of one feature replaced."""
        return replace(self, sections=MappingProxyType({**self.sections, type(section): section}))

    @classmethod
    def read(cls, env: Mapping[str, str], readers: Iterable[SectionReader]) -> Self:
        """Read the settings from names and texts. Raises ConfigError with every fault at once."""
        read = Reader(env)
        instance_dir = read_instance_dir(read, root=ROOT)
        config = cls(
            app_env=read.app_env,
            security_profile=read.security_profile,
            instance_dir=instance_dir,
            passwords=read_passwords(read),
            sign_in=read_sign_in(read),
            server=read_server(read),
            stores=read_stores(read, instance_dir),
            tokens=read_tokens(read, instance_dir),
            encryption_keys=read_encryption_keys(read, instance_dir),
            sinch=read_sinch(read),
            codes=read_codes(read),
            limits=read_limits(read),
            # The values may be stand-ins by now: they are used only if there was no fault.
            sections=MappingProxyType({type(section): section for section in (reader(read) for reader in readers)}),
        )
        config = replace(config, asked=frozenset(read.asked))
        if read.faults:
            raise ConfigError(read.faults)
        return config


def env_file() -> dict[str, str]:
    """Return what `.env` in the root says. Raises ConfigError for a file that cannot be understood."""
    try:
        return read_env_file(ENV_FILE)
    except EnvFileFault as error:
        raise ConfigError(error.faults) from None


def environment() -> dict[str, str]:
    """Return what `.env` in the root says, and the environment, which wins. Raises ConfigError."""
    return merged(env_file(), ENV_FILE)
