"""Choose the service and its key: what is given, else the environment, the file, the default."""

import os
from typing import Final, NamedTuple

from widthwise.address import find_address
from widthwise.configuration.file import Configuration, read_configuration

ADDRESS: Final = "WIDTHWISE_ADDRESS"
API_KEY: Final = "WIDTHWISE_API_KEY"
"""The variable that holds the key to send."""


class Setting(NamedTuple):
    """A value, and where it comes from in words."""

    value: str
    source: str


class Chosen(NamedTuple):
    """The service to speak to, and the key to send; an empty key is none."""

    address: Setting
    api_key: Setting


def chosen_service(address: str | None = None, api_key: str | None = None) -> Chosen:
    """The service and key of a client with these arguments.

    The file's key goes to the file's service alone, where it names one: another address that is
    given, or that the environment names, is not sent it.

    Raises:
        WidthwiseError: if the configuration file is needed and cannot be read.

    """
    if (address or os.environ.get(ADDRESS)) and (api_key or os.environ.get(API_KEY)):
        said = None  # the file is not needed, so an error in it does not matter
    else:
        said = read_configuration()
    where = _address(address, said)
    return Chosen(where, _api_key(api_key, said, where.value))


def _address(given: str | None, said: Configuration | None) -> Setting:
    if given:
        return Setting(find_address(given), "given")
    if named := os.environ.get(ADDRESS):
        return Setting(find_address(named), ADDRESS)
    if said and said.address:
        return Setting(find_address(said.address), str(said.path))
    return Setting(find_address(None), "the service of this directory, else the default")


def _api_key(given: str | None, said: Configuration | None, address: str) -> Setting:
    if given:
        return Setting(given, "given")
    if named := os.environ.get(API_KEY):
        return Setting(named, API_KEY)
    if said and said.api_key:
        if not said.address or find_address(said.address) == address:
            return Setting(said.api_key, str(said.path))
        return Setting("", f"none: that of {said.path} is for {find_address(said.address)}")
    return Setting("", "none")
