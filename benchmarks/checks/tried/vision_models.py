"""Image models as timm, torchvision and `mup` have them, from torch's layers.

timm and torchvision cannot be installed beside a torch that has no torchvision build; each class
has the layers, the names and the start of the model that it is named after.
"""

from collections.abc import Callable
from typing import Final

import torch
from diffusers import UNet2DModel
from mup import MuReadout
from torch import Tensor, nn
from torch.nn import functional

CLASSES: Final = 10
HEAD: Final = 16
PATCH: Final = 8


class VitBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, -1, HEAD).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        result: Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return result


class TimmVit(nn.Module):
    """timm's VisionTransformer: class token and positions are raw parameters."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 1e-6)
        self.pos_embed = nn.Parameter(torch.randn(1, (32 // PATCH) ** 2 + 1, width) * 0.02)
        self.patch_embed = nn.Conv2d(3, width, PATCH, PATCH)
        self.blocks = nn.Sequential(VitBlock(width), VitBlock(width))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embed(x).flatten(2).mT
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], 1) + self.pos_embed
        logits: Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return logits


class BasicBlock(nn.Module):
    def __init__(self, wide_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(wide_in, width, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(nn.Conv2d(wide_in, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            if (stride, wide_in) != (1, width)
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        branch = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(branch + self.downsample(x))


class ResNet(nn.Module):
    """torchvision's ResNet of basic blocks, `layers` in each of four stages."""

    def __init__(
        self,
        width: int,
        layers: int = 2,
        *,
        head: str = "fc",
        readout: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        wide, self.layers = width, nn.ModuleList()
        for stage in range(4):
            for number in range(layers):
                to, stride = width * 2**stage, 2 if stage and not number else 1
                self.layers.append(BasicBlock(wide, to, stride))
                wide = to
        self.head = head
        self.add_module(head, readout(wide, CLASSES))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(functional.relu(self.bn1(self.conv1(x))))
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.get_submodule(self.head)(x.mean((2, 3)))
        return logits


def timm_resnet(width: int) -> nn.Module:
    """timm's: the last gain of every branch starts at zero."""
    model = ResNet(width, 1)
    for layer in model.layers:
        assert isinstance(layer, BasicBlock)
        nn.init.zeros_(layer.bn2.weight)
    return model


def mup_resnet(width: int) -> nn.Module:
    """`mup`'s example, its readout a MuReadout."""
    return ResNet(width, 1, head="linear", readout=MuReadout)


class MupMlp(nn.Module):
    """`mup`'s example: two layers without biases and a MuReadout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc_1 = nn.Linear(3 * 32 * 32, width, bias=False)
        self.fc_2 = nn.Linear(width, width, bias=False)
        self.fc_3 = MuReadout(width, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.fc_2(functional.relu(self.fc_1(x.flatten(1)))))
        logits: Tensor = self.fc_3(hidden)
        return logits


def diffusers_unet(width: int) -> nn.Module:
    """Diffusers' own, with attention at its lower resolution."""
    model: nn.Module = UNet2DModel(  # type: ignore[no-untyped-call,assignment]  # as diffusers has it
        sample_size=16,
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(width, 2 * width),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=8,
    )
    return model
