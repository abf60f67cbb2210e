"""Ids in paths end before a colon, which begins a custom method: `{study_id:id}` is one."""

from starlette.convertors import StringConvertor, register_url_convertor


class IdConvertor(StringConvertor):
    """Without it `GET /v1/studies/std_1:pause` would be read as the study `std_1:pause`."""

    regex = "[^/:]+"


register_url_convertor("id", IdConvertor())
