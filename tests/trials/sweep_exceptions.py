"""What differs by more than 0.5 % in the sweep, was raised or was changed: by model and what is compared, the reason.

`sweep.py --check` holds these against the results, both ways.
"""

from __future__ import annotations

#: Reasons that the figures themselves prove, model by model; see `sweep_compare.deviations`.
PROVEN = ("kernels", "attention", "both")
REASONS: dict[str, str] = {
    "kernels": "what a kernel takes and gives back inside one operator; without it the profiler agrees to 0.5 %",
    "attention": "the CPU computes attention another way than the GPU's kernel that is predicted; with attention taken "
    "apart on both sides they agree to 0.5 %",
    "both": "attention and kernels: without what either takes they agree to 0.5 %",
    "unknown to fvcore": "fvcore does not know recurrent layers, convolutions that pad to the same size, bilinear "
    "forms, products with a vector, and of sparse matrices",
    "not traced": "fvcore reads traced graphs, and this cannot be traced",
    "nothing to train": "there are no parameters that take a gradient, which the tool says",
    "one mode": "what torch.export made cannot be put in train mode, which the tool says",
    "its own doing": "the module changes the buffer in each pass, also in eval mode",
    "recurrent": "on the meta device PyTorch takes a recurrent layer apart step by step, in another way than the CPU's "
    "kernels do, and a GPU's do it in a third",
    "layout": "the gradient of a convolution's weight comes out in the layout of its images, and is copied into that "
    "of the weight; on the meta device it has it at once",
    "freed unseen": "the optimizer gives a sparse weight new memory, and the profiler does not tell that the old one, "
    "which is older than its look, is freed",
}
#: Models whose peak, as the profiler tells it, lies inside a kernel: in which passes.
_KERNELS: dict[str, str] = {
    "shared_weights": "forward backward step", "weight_norm": "forward", "spectral_norm": "forward",
    "buffers_only": "forward", "fourier": "forward backward step", "in_place_on_input": "forward backward step",
    "cached_table": "backward step", "orthogonal": "backward step",
    "returns_tuple": "forward backward step", "returns_nested": "forward backward step",
    "returns_dataclass": "forward backward step", "frozen_trunk": "forward backward step",
    "checkpointed": "forward backward step", "bilinear": "forward backward step",
    "upsampler": "forward backward step", "conv3d": "forward", "branching": "forward backward step",
    "by_numpy": "forward backward step", "sparse_weight": "backward", "dropping": "forward backward step",
    "pass_counter": "forward backward step", "detector": "forward backward", "torchvision_vit": "backward",
    "torchvision_resnet18": "forward step", "torchvision_googlenet": "forward step",
    "beit_base_patch16_224": "backward", "beitv2_base_patch16_224": "backward",
    "lambda_resnet26t": "forward backward step", "haloregnetz_b": "forward", "halonet26t": "backward step",
    "botnet26t_256": "forward backward step", "sebotnet33ts_256": "forward backward step",
    "test_byobnet": "forward backward step", "gernet_s": "forward", "repvgg_a0": "forward backward step",
    "regnetz_b16": "forward", "seresnext26ts": "forward backward step", "bat_resnext26ts": "backward step",
    "cait_xxs24_224": "forward backward", "coat_tiny": "backward", "convit_tiny": "forward backward",
    "test_convnext": "backward step", "convnextv2_atto": "forward backward step",
    "cpubone_nano": "forward backward step", "csatv2": "forward backward step",
    "cs3darknet_focus_s": "forward backward step", "cspnext_tiny": "forward backward step",
    "davit_tiny": "forward backward step", "deit_tiny_patch16_224": "forward backward",
    "deit3_small_patch16_224": "forward backward", "dla60_res2net": "step", "dpn48b": "forward step",
    "edgenext_xx_small": "forward backward step", "efficientformer_l1": "backward",
    "test_efficientnet": "forward backward", "tinynet_e": "forward", "mobilenetv2_100": "forward",
    "mixnet_s": "forward", "efficientnet_b0": "forward", "fbnetc_100": "forward", "efficientvit_m0": "forward",
    "vit_tiny_patch16_dinov3_qkvb": "forward backward", "eva02_tiny_patch14_224": "backward",
    "vit_pe_core_tiny_patch16_384": "forward backward", "fasternet_t0": "forward step",
    "focalnet_tiny_srf": "forward backward step", "gcvit_xxtiny": "forward step", "ghostnet_050": "forward",
    "sam2_hiera_tiny": "forward", "hrnet_w18_small": "forward backward step", "iformer_t": "forward backward step",
    "inception_next_atto": "step", "inception_resnet_v2": "forward backward", "inception_v3": "forward backward step",
    "inception_v4": "forward backward step", "lcnetv2_small": "step", "lowformer_b0": "forward backward step",
    "test_mambaout": "backward step", "test_coatnet": "forward", "coatnet_nano_rw_224": "forward",
    "maxvit_rmlp_nano_rw_256": "forward", "poolformerv2_s12": "forward backward step",
    "poolformer_s12": "forward backward step", "caformer_s18": "forward backward step",
    "gmlp_ti16_224": "forward backward", "gmixer_12_224": "backward", "resmlp_12_224": "forward backward",
    "mobilenetv3_small_050": "forward", "mobilevit_xxs": "backward step", "mobilevitv2_050": "forward backward",
    "nest_tiny": "forward backward", "test_nfnet": "forward backward", "dm_nfnet_f0": "backward",
    "pit_ti_224": "forward backward step", "pnasnet5large": "forward", "pvt_v2_b0": "forward backward step",
    "qwen3_vit_88m": "backward", "rdnet_tiny": "forward backward step", "regnetx_002": "backward",
    "res2next50": "forward step", "resnest14d": "forward backward step", "test_resnet": "forward backward step",
    "resnext50_32x4d": "forward step", "resnet50": "forward step", "resnetblur50": "forward step",
    "ecaresnet50t": "forward backward step", "resnetv2_18": "forward step", "rexnet_100": "forward",
    "selecsls42": "forward step", "legacy_seresnet18": "forward step", "skresnet18": "forward backward step",
    "starnet_s050": "backward step", "swiftformer_xs": "step", "tresnet_m": "forward step",
    "twins_svt_small": "backward", "vgg11": "forward backward step", "visformer_tiny": "forward",
    "test_vit": "forward backward step", "vit_tiny_patch16_224": "forward backward",
    "vit_small_patch14_reg4_dinov2": "backward", "vit_base_patch32_clip_224": "forward backward step",
    "vit_tiny_r_s16_p8_224": "forward backward step", "test_vit_relpos": "forward backward",
    "vitamin_small_224": "backward", "volo_d1_224": "forward", "legacy_xception": "step",
    "xception41p": "forward step", "xcit_tiny_12_p16_224": "forward backward",
}  # fmt: skip
_OTHERS: dict[str, dict[str, str]] = {
    "buffers_only": {"backward raised": "nothing to train", "step raised": "nothing to train"},
    "no_parameters": {"backward raised": "nothing to train", "step raised": "nothing to train"},
    "returns_nested": {"fvcore raised": "not traced"},
    "returns_dataclass": {"fvcore raised": "not traced"},
    "lstm": {
        "macs fvcore": "unknown to fvcore",
        "forward tracker": "recurrent",
        "forward profiler": "recurrent",
        "backward tracker": "recurrent",
        "backward profiler": "recurrent",
        "step tracker": "recurrent",
        "step profiler": "recurrent",
    },
    "gru": {
        "macs fvcore": "unknown to fvcore",
        "forward tracker": "recurrent",
        "forward profiler": "recurrent",
        "backward tracker": "recurrent",
        "step tracker": "recurrent",
    },
    "encoder": {
        "forward tracker": "attention",
        "forward profiler": "both",
        "backward tracker": "attention",
        "backward profiler": "attention",
        "step tracker": "attention",
        "step profiler": "attention",
    },
    "bilinear": {"macs fvcore": "unknown to fvcore"},
    "matrix_vector": {"fvcore raised": "unknown to fvcore"},
    "sparse_weight": {"macs fvcore": "unknown to fvcore", "step profiler": "freed unseen"},
    "pass_counter": {
        "changed by cost": "its own doing",
        "changed by forward": "its own doing",
        "changed by backward": "its own doing",
        "changed by numerics": "its own doing",
        "changed by latency": "its own doing",
        "changed by step": "its own doing",
    },
    "torchvision_vit": {
        "forward tracker": "attention",
        "forward profiler": "both",
        "step tracker": "attention",
        "step profiler": "both",
    },
    "exported": {"backward raised": "one mode", "step raised": "one mode"},
    "scripted": {"fvcore raised": "not traced"},
    "quantized": {
        "backward raised": "nothing to train",
        "step raised": "nothing to train",
        "fvcore raised": "not traced",
    },
    "compiled": {"fvcore raised": "not traced"},
    "convmixer_768_32": {"macs fvcore": "unknown to fvcore"},
    "deepseek_vit_412m": {"step tracker": "attention", "step profiler": "attention"},
    "gcvit_xxtiny": {"backward tracker": "layout", "backward profiler": "layout"},
    "sequencer2d_s": {
        "macs fvcore": "unknown to fvcore",
        "backward tracker": "recurrent",
        "backward profiler": "recurrent",
        "step tracker": "recurrent",
        "step profiler": "recurrent",
    },
    "tiny_vit_5m_224": {
        "forward tracker": "attention",
        "forward profiler": "both",
        "backward tracker": "attention",
        "backward profiler": "attention",
        "step tracker": "attention",
        "step profiler": "attention",
    },
    "samvit_base_patch16_224": {"forward tracker": "attention", "forward profiler": "attention"},
}
EXCEPTIONS: dict[str, dict[str, str]] = {
    name: {f"{kind} profiler": "kernels" for kind in _KERNELS.get(name, "").split()} | _OTHERS.get(name, {})
    for name in (*_KERNELS, *_OTHERS)
}
