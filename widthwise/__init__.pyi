from parametrization.nn.apply import apply as apply
from parametrization.nn.classify import Declaration as Declaration
from parametrization.nn.describe import describe as describe
from parametrization.nn.fold_multipliers import fold_multipliers as fold_multipliers
from parametrization.nn.own_model import check as check
from parametrization.nn.own_model import shape as shape
from parametrization.scaling.multipliers import Multipliers as Multipliers
from parametrization.scaling.schedule import Schedule as Schedule
from parametrization.shapes.roles import Role as Role
from widthwise.client import Client as Client
from widthwise.loading import load as load
from widthwise.recommendation import Recommendation as Recommendation
from widthwise.task import Task as Task

__all__: list[str]
__version__: str
