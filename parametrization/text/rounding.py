"""Round figures that people read to the digits that are known.

Documents for programs keep every digit.
"""

import math
from typing import Final

_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def known_digits(relative_error: float) -> int:
    """Significant digits of a number that is known to within a factor of 1 +- `relative_error`.

    One digit more than the error leaves certain, from two to four.

    >>> [known_digits(error) for error in (0.05, 0.3, 3.0)]
    [3, 2, 2]
    """
    return max(2, 1 + math.ceil(-math.log10(max(relative_error, 1e-3))))


def significant(value: float, digits: int) -> str:
    """The number with so many significant digits.

    >>> significant(0.0077123, 2), significant(1234.5, 2)
    ('0.0077', '1200')
    """
    return f"{float(f'{value:.{digits}g}'):.12g}"


def percent(value: float) -> str:
    """Percents of loss or of training to one decimal: seeds alone move a loss by more than that.

    >>> percent(2.345), percent(0.0213), percent(0), percent(1234.5)
    ('2.3 %', 'less than 0.1 %', '0 %', '1,234 %')
    """
    if value == 0:
        return "0 %"
    if 0 < value < 0.05:
        return "less than 0.1 %"
    return f"{value:.1f} %" if abs(value) < 100 else f"{value:,.0f} %"


def share_of_training(share_percent: float) -> str:
    """The cost of tuning beside that of training its target.

    >>> share_of_training(2.345), share_of_training(8720)
    ('2.3 % of training the target', '87 times the training of the target')
    """
    if share_percent >= 1000:
        return f"{significant(share_percent / 100, 2)} times the training of the target"
    return f"{percent(share_percent)} of training the target"


def powers_of_ten(value: float) -> str:
    """A large number to two digits, with its power of ten written out.

    >>> powers_of_ten(4.94e13).split(), powers_of_ten(950.0)
    (['4.9', '\N{MULTIPLICATION SIGN}', '10¹³'], '950')
    """
    if value < 10_000:
        return significant(value, 2)
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} \N{MULTIPLICATION SIGN} 10{str(int(power)).translate(_RAISED)}"
