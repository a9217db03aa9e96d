"""Writes model-forms.zip and model-forms.csv, which ModelFormsTest reads.

    pip install torch==2.15.0 timm==1.0.31 transformers==5.24.0 onnxscript==0.7.2 onnx==1.23.2
    python export_model_forms.py FOLDER

Small vision transformers of timm and Hugging Face, exported as their users do: by TorchScript and by
dynamo, in several opsets. Weights are left out (an initializer keeps its type and shape; the test fills in
random numbers): what matters is the form of the graphs. The table has the weights that PyTorch counts, an
independent figure for what the reader has to find. A form that an exporter cannot write is left out.
"""

import csv
import logging
import os
import sys
import tempfile
import warnings
import zipfile

import numpy as np
import onnx
import timm
import torch
import transformers as hf
from onnx import TensorProto, numpy_helper

VIT = dict(img_size=64, patch_size=16, embed_dim=48, depth=2, num_heads=3, num_classes=10)
PATCH14 = {**VIT, "img_size": 56, "patch_size": 14}
SWIN = dict(embed_dim=24, depths=(2, 2), num_heads=(2, 4), num_classes=10)
BERT = dict(
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=96,
    image_size=64,
    patch_size=16,
    num_labels=10,
)
HF_SWIN = dict(patch_size=4, embed_dim=24, depths=[2, 2], num_heads=[2, 4], window_size=7, num_labels=10)

TIMM = {
    "timm_vit": ("vit_tiny_patch16_224", VIT),
    "timm_vit_mean": ("vit_tiny_patch16_224", {**VIT, "global_pool": "avg", "class_token": False}),
    "timm_vit_qknorm": ("vit_tiny_patch16_224", {**VIT, "qk_norm": True}),
    "timm_deit": ("deit_tiny_patch16_224", VIT),
    "timm_deit_distilled": ("deit_tiny_distilled_patch16_224", VIT),
    "timm_deit3": ("deit3_small_patch16_224", VIT),
    "timm_dinov2_registers": ("vit_small_patch14_reg4_dinov2", PATCH14),
    "timm_dinov3": ("vit_small_patch16_dinov3", VIT),
    "timm_siglip": ("vit_base_patch16_siglip_224", VIT),
    "timm_beit": ("beit_base_patch16_224", VIT),
    "timm_eva02": ("eva02_tiny_patch14_224", PATCH14),
    "timm_cait": ("cait_xxs24_224", VIT),
    "timm_swin": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 56, "window_size": 7}),
    "timm_swin_padded": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 64, "window_size": 7}),
    "timm_swinv2": ("swinv2_tiny_window8_256", {**SWIN, "img_size": 64, "window_size": 8}),
}
HUGGING_FACE = {
    "hf_vit": (hf.ViTForImageClassification, hf.ViTConfig(**BERT)),
    "hf_vit_eager": (hf.ViTForImageClassification, hf.ViTConfig(attn_implementation="eager", **BERT)),
    "hf_vit_msn": (hf.ViTMSNForImageClassification, hf.ViTMSNConfig(**BERT)),
    "hf_deit": (hf.DeiTForImageClassification, hf.DeiTConfig(**BERT)),
    "hf_deit_teacher": (hf.DeiTForImageClassificationWithTeacher, hf.DeiTConfig(**BERT)),
    "hf_dinov2": (hf.Dinov2ForImageClassification, hf.Dinov2Config(mlp_ratio=2, **BERT)),
    "hf_dinov2_registers": (
        hf.Dinov2WithRegistersForImageClassification,
        hf.Dinov2WithRegistersConfig(mlp_ratio=2, **BERT),
    ),
    "hf_beit": (hf.BeitForImageClassification, hf.BeitConfig(drop_path_rate=0.0, **BERT)),
    "hf_swin": (hf.SwinForImageClassification, hf.SwinConfig(image_size=56, **HF_SWIN)),
    "hf_swin_padded": (hf.SwinForImageClassification, hf.SwinConfig(image_size=64, **HF_SWIN)),
}
EXPORTERS = [
    ("torchscript", 13),
    ("torchscript", 17),
    ("torchscript", 20),
    ("dynamo", 18),
    ("dynamo", 21),
    ("dynamo", 23),
]


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).logits


def models():
    for name, (kind, options) in TIMM.items():
        yield name, timm.create_model(kind, pretrained=False, **options), options["img_size"]
    for name, (kind, config) in HUGGING_FACE.items():
        yield name, Logits(kind(config)), config.image_size


def randomized(model):
    """Weights that are all 0 or 1 at the start could be left out by an exporter."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def export(model, size, exporter, opset, path):
    images = torch.randn(2, 3, size, size)
    options = dict(opset_version=opset, input_names=["pixel_values"], output_names=["logits"])
    if exporter == "dynamo":
        torch.onnx.export(
            model,
            (images,),
            path,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
            **options,
        )
    else:
        axes = {"pixel_values": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(model, (images,), path, dynamo=False, dynamic_axes=axes, **options)


def without_weight(tensor):
    if tensor.data_type == TensorProto.FLOAT:
        values = numpy_helper.to_array(tensor)
        # Masks and small constants mean something.
        if values.size > 8 and len(np.unique(values)) >= 8:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")


def skeleton(path):
    model = onnx.load(path)
    graph = model.graph
    for tensor in graph.initializer:
        without_weight(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                without_weight(attribute.t)
    graph.ClearField("value_info")
    for part in [model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer]:
        part.doc_string = ""
        del part.metadata_props[:]
    return model.SerializeToString(deterministic=True)


def weights(model):
    """Those whose input is an image's: not SwinV2's table of positions, nor SigLIP's latent query."""
    constant = ("cpb_mlp", "attn_pool.q")
    modules = [m for name, m in model.named_modules() if not any(c in name for c in constant)]
    linear = sum(isinstance(m, torch.nn.Linear) for m in modules)
    return linear, sum(isinstance(m, torch.nn.Conv2d) for m in modules)


def main(folder):
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    rows = []
    with zipfile.ZipFile(os.path.join(folder, "model-forms.zip"), "w") as archive:
        for name, model, size in models():
            model = randomized(model)
            for exporter, opset in EXPORTERS:
                form = f"{name}-{exporter}-{opset}"
                with tempfile.TemporaryDirectory() as temporary:
                    path = os.path.join(temporary, "model.onnx")
                    try:
                        export(model, size, exporter, opset, path)
                    except Exception as error:
                        print("left out", form, type(error).__name__, flush=True)
                        continue
                    entry = zipfile.ZipInfo(form + ".onnx")
                    archive.writestr(entry, skeleton(path), zipfile.ZIP_DEFLATED, 9)
                rows.append([form, *weights(model)])
                print(form, flush=True)
    with open(os.path.join(folder, "model-forms.csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["form", "linear", "convolutions"])
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1])
