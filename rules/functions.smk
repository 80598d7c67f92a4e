# Functions that rules name as inputs and parameters: from wildcards to the files and the slice of config they need.
# Parameters are that slice as JSON, so a changed value reruns exactly the jobs that depend on it.


def local_dir(wildcards):
    """The local folder of a dataset's source, or nothing."""
    return CONFIG.data.local_dirs.get(CONFIG.datasets[wildcards.dataset].source, "")


def unverified_folder(wildcards):
    """A local folder whose content nobody published a digest of: another folder is other data."""
    return "" if SOURCES.entry(CONFIG.datasets[wildcards.dataset].source).verified else local_dir(wildcards)


def not_shared(wildcards):
    """Keeps what is made of such a folder out of other checkouts: no key in a shared cache could name its content."""
    return os.getcwd() if CACHED and unverified_folder(wildcards) else ""


def mirrors(wildcards):
    """The mirrors of a dataset's source, separated by spaces."""
    return " ".join(CONFIG.data.urls.get(CONFIG.datasets[wildcards.dataset].source, []))


def prepare_params(wildcards):
    """The settings of one dataset's preparation."""
    return slices.prepare_settings(CONFIG, wildcards.dataset).model_dump_json()


def confuse_params(wildcards):
    """The settings of one confusing set."""
    return slices.confuse_settings(CONFIG, wildcards.dataset, wildcards.init, int(wildcards.seed)).model_dump_json()


def initialize_params(wildcards):
    """The settings of one set of random weights."""
    return slices.initialize_settings(
        CONFIG, wildcards.dataset, wildcards.model, wildcards.init, int(wildcards.seed)
    ).model_dump_json()


def pretrain_params(wildcards):
    """The settings of one pretraining."""
    return slices.pretrain_settings(
        CONFIG, wildcards.dataset, wildcards.model, wildcards.init, int(wildcards.seed)
    ).model_dump_json()


def train_params(wildcards):
    """The settings of one run."""
    return slices.train_settings(CONFIG, as_run(wildcards)).model_dump_json()


def diagnose_params(wildcards):
    """The settings of one run's measurements."""
    return slices.diagnose_settings(CONFIG, as_run(wildcards)).model_dump_json()


def compare_params(wildcards):
    """The settings of one comparison of two runs."""
    return slices.diagnose_settings(CONFIG, as_run(wildcards), "compare").model_dump_json()


def landscape_params(wildcards):
    """The settings of the measurement of one run's surroundings."""
    return slices.diagnose_settings(CONFIG, as_run(wildcards), "landscape").model_dump_json()


def diagnosed_files(wildcards):
    """What lies behind the start of a run, where that is a pretraining on a confusing set, or a run from one."""
    root = lineage.root_of(CONFIG.inits, wildcards.init)
    if not isinstance(CONFIG.inits[root], AdversarialInit):
        return {}
    return {
        "confusing": PATHS.confusing(wildcards.dataset, root, wildcards.seed),
        "random": random_weights(wildcards),
    }


def along_files(wildcards):
    """The same for a run that something is measured along."""
    return diagnosed_files(wildcards) if measured.along_run(CONFIG, as_run(wildcards)) else {}


def pretraining_options(wildcards, input):
    """The options that tell of a pretraining."""
    return [f"--{name}={input[name]}" for name in ("confusing", "random") if name in input.keys()]


def reference_weights(wildcards):
    """The weights that a run is compared with."""
    return PATHS.run(lineage.reference_of(CONFIG, as_run(wildcards))) / paths.WEIGHTS


def as_run(wildcards):
    """The run that wildcards name."""
    return runs.Run(**{**wildcards, "seed": int(wildcards["seed"])})


def collect_params(wildcards):
    """The settings of one study's tables."""
    return slices.collect_settings(CONFIG, wildcards.study).model_dump_json()


def weights_of_init(wildcards, init):
    """The weights of an init, for the dataset, model and seed of a job."""
    return PATHS.start(CONFIG.inits, wildcards.dataset, wildcards.model, init, wildcards.seed)


def start_weights(wildcards):
    """The weights that runs from the init called {init} start from."""
    return weights_of_init(wildcards, wildcards.init)


def random_weights(wildcards):
    """The random weights that the init called {init} is made from."""
    return weights_of_init(wildcards, lineage.random_behind(CONFIG.inits, wildcards.init))


def like_weights(wildcards):
    """The weights whose norms the rescaled init called {init} takes."""
    return weights_of_init(wildcards, CONFIG.inits[wildcards.init].like)


def training_group(wildcards):
    """On a cluster a run and its measurements share one job, but not with the run whose end point it starts from."""
    behind = lineage.with_runs_behind(CONFIG.inits, [as_run(wildcards)])[1:]
    return f"training_{len(behind)}" if behind else "training"


def collected_runs(wildcards):
    """The files of every run of a study that its tables are made from."""
    names = [paths.HISTORY, paths.RECORD, paths.PREDICTIONS, paths.DIAGNOSTICS]
    study = CONFIG.studies[wildcards.study]
    compared = measured.compared_inits(CONFIG, study)
    return [
        PATHS.run(run) / name
        for run in runs.study_runs(study)
        for name in (*names, *([paths.COMPARISON] if run.init in compared else []))
    ]


def collected_landscapes(wildcards):
    """The landscapes of a study."""
    study = CONFIG.studies[wildcards.study]
    found = measured.landscape_runs(study, measured.landscapes(CONFIG, study))
    return [PATHS.run(run) / paths.LANDSCAPE for run in found]


def collected_pretraining(wildcards):
    """The records and histories of every trained init of a study."""
    study = CONFIG.studies[wildcards.study]
    return pretraining_records(study, lineage.pretrained_inits(CONFIG, study))


def pretraining_records(study, inits):
    """The records of some trained inits of a study."""
    return [
        PATHS.init(dataset, model, init, seed) / name
        for name in (paths.RECORD, paths.HISTORY)
        for dataset in study.datasets
        for model in study.models
        for init in inits
        for seed in study.seeds
    ]


def claim_params(wildcards):
    """The settings of the tables that one target's claims need."""
    return claim_settings(CONFIG, wildcards.claim).model_dump_json()


def claim_runs(wildcards):
    """The files of the runs that one target's claims need, in the study that they are read from."""
    chosen = claim_settings(CONFIG, wildcards.claim)
    names = [paths.HISTORY, paths.RECORD, paths.PREDICTIONS, *([paths.DIAGNOSTICS] if chosen.measured else [])]
    return [PATHS.run(run) / name for run in runs.study_runs(chosen.study, chosen.cells) for name in names]


def claim_pretraining(wildcards):
    """The records of every trained init behind these runs."""
    chosen = claim_settings(CONFIG, wildcards.claim)
    return pretraining_records(chosen.study, chosen.pretrained)


def claim_tables(group):
    """The tables that one target's claims need; none where no run of theirs is in a study."""
    return [PATHS.claims(group) / table for table in TABLES] if claim_settings(CONFIG, group) else []


def claimed_tables(role):
    """The tables of the study that some claims are read from, or of the toy."""
    if role == "toy":
        return [] if CONFIG.toy is None else [rules.toy.output.csv]
    study = claimed_study(CONFIG, role)
    return [] if study is None else [PATHS.tables(study) / table for table in TABLES]


def claims_options(wildcards, input):
    """The options that name the tables of each study, and the toy's."""
    folders = {
        role: os.path.dirname(input[role][0])
        for role in ("study", "control", "replication", "label_noise")
        if role in input.keys() and len(input[role])
    }
    toy = input["toy"] if "toy" in input.keys() else []
    options = [f"--{role.replace('_', '-')}={folder}" for role, folder in folders.items()]
    return [*options, *([f"--toy={toy}"] if toy else [])]


def exported_files(wildcards):
    """What the minima of the zoo, and their cards, are made from."""
    study = runs.zoo_study(CONFIG)
    compared = measured.compared_inits(CONFIG, CONFIG.studies[CONFIG.claims.study])
    names = [paths.WEIGHTS, paths.RECORD, paths.DIAGNOSTICS]
    roots = dict.fromkeys(lineage.root_of(CONFIG.inits, init) for init in study.inits)
    pretrained = [init for init in roots if isinstance(CONFIG.inits[init], AdversarialInit)]
    return [
        *[PATHS.prepared(dataset) for dataset in study.datasets],
        *[
            PATHS.init(dataset, model, init, seed) / paths.RECORD
            for dataset in study.datasets
            for model in study.models
            for init in pretrained
            for seed in study.seeds
        ],
        *[
            PATHS.run(run) / name
            for run in runs.study_runs(study)
            for name in (*names, *([paths.COMPARISON] if run.init in compared else []))
        ],
    ]


def exported_options(wildcards):
    """The options that name the runs of the zoo."""
    study = runs.zoo_study(CONFIG)
    return [
        f"--{axis}={value}"
        for axis in ("datasets", "models", "inits", "recipes", "seeds")
        for value in getattr(study, axis)
    ]


def output_folder(wildcards, output):
    """The folder that a rule's outputs lie in."""
    return os.path.dirname(output[0])


def input_folder(wildcards, input):
    """The folder that a rule's first input lies in."""
    return os.path.dirname(input[0])


def results_folder(wildcards, output):
    """The results folder, from the tables of a study in it."""
    return str(Path(output[0]).parents[2])
