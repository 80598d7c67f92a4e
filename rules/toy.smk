# The paper's two-dimensional toy: all its networks in one job of seconds, and the boundaries drawn.

if CONFIG.toy is not None:
    PRODUCTS["fig_toy"] = Product(
        "What do the boundaries of the toy look like?",
        {"networks": PATHS.toy("networks.safetensors"), "table": PATHS.toy("toy.csv")},
        drawing("toy", "toy"),
        told(settings.ToyFigureSettings.of_config(CONFIG)),
    )
    PRODUCTS["fig_toy_mechanism"] = Product(
        "What changes on the way out of the toy's bad minima?",
        {"table": PATHS.toy("toy.csv"), "paths": PATHS.toy("paths.csv")},
        drawing("toy_mechanism", "toy", "toy, mechanism"),
        told(settings.ToyFigureSettings.of_config(CONFIG)),
    )
    gif = shown(PATHS.animation("toy"), "anim_toy", "Figures", figure="toy, animated", study="toy")
    PRODUCTS["anim_toy"] = Product(
        "How do they escape (a GIF)?", {"networks": PATHS.toy("networks.safetensors")}, {"gif": gif}
    )
    PRODUCTS["toy"] = Product(
        None,
        {},
        {"networks": PATHS.toy("networks.safetensors"), "csv": PATHS.toy("toy.csv"), "paths": PATHS.toy("paths.csv")},
        told(settings.ToySettings.of_config(CONFIG)),
    )
