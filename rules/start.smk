# What happens between the plan and the first job: checks, and the files of settings that commands name. And after the
# last one.
from snakemake.settings.enums import Quietness
from tqdm import tqdm

from badminima.workflow.ending import ending
from badminima.workflow.machine import gpus_here
from badminima.workflow.preflight import check_captions, check_cost, check_data
from badminima.workflow.slurm import check_slurm, check_status_command, check_submissions, one_of_each_kind

# A workflow that imports this one gives rules names of its own.
NAMED = (rules.train, rules.pretrain, rules.fetch_data, rules.plan, rules.report, rules.provenance)
TRAIN, PRETRAIN, FETCH_DATA, PLAN, REPORT, PROVENANCE = (one.rule.name for one in NAMED)


def prepare_start():
    """Stop what should not start, and write the settings of the jobs that do."""
    jobs = list(workflow.dag.needrun_jobs())
    if workflow.is_main_process and not workflow.touch:
        try:
            check_start(jobs)
        except UserError as error:
            sys.exit(f"not started: {error}")
    for job in jobs:
        # A parameter is worked out when it is asked for; that remembers what is to be written.
        if "settings" in job.rule.params.keys():
            job.params
    SETTINGS.write()
    limit_gpus()
    lift_job_rate_limit()


def limit_gpus():
    """Start no more jobs on GPUs of this machine than it has; a cluster's jobs have their own."""
    if workflow.nodes is None and "gpu" not in workflow.global_resources:
        gpus = gpus_here(CONFIG.device)
        if gpus:
            workflow.register_resource("gpu", gpus)


def lift_job_rate_limit():
    """Take off Snakemake's limit of 100 jobs a second; another one, which somebody asked for, stays.

    With a limit, each round of the scheduler starts a timer that wakes it for another round, so every job that ends
    leaves one more of them (snakemake/snakemake#3744): after a hundred jobs it works a hundred rounds a second. Over
    600 jobs of a tenth of a second Snakemake itself takes 14 CPU-seconds with it, and 7 without.
    """
    limit = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def print_ending():
    """Say where the results lie, below the bar of a logger plugin if there is one."""
    if Quietness.ALL not in (workflow.output_settings.quiet or ()):
        made = {Path(file) for job in workflow.dag.jobs for file in job.output if Path(file).exists()}
        for line in ending(made, PATHS):
            tqdm.write(line, file=sys.stderr)


def check_start(jobs):
    """Raise UserError if jobs would fail, take months on this machine, or end without anybody noticing."""
    rules_planned = {job.rule.name for job in jobs}
    if {REPORT, PROVENANCE} & rules_planned:
        check_captions(CONFIG, CHECKOUT / "report", PROVENANCE in rules_planned)
    if workflow.executor_plugin.name == "slurm" and not all(job.is_local for job in jobs):
        check_slurm()
        check_status_command(workflow.executor_settings.status_command)
    trainings, pretrainings = (
        [as_run(job.wildcards) for job in jobs if job.rule.name == rule] for rule in (TRAIN, PRETRAIN)
    )
    datasets = {job.wildcards.dataset for job in jobs if job.rule.name == FETCH_DATA}
    if any(job.rule.name == PLAN for job in jobs) and (trainings or pretrainings):
        raise UserError("plan", "targets that train beside it", "ask for plan alone: it has a row for each of them")
    if workflow.local_exec:
        check_cost(CONFIG, trainings, pretrainings, datasets, SPEEDS)
    check_data(CONFIG, datasets)
    kinds = one_of_each_kind(workflow.dag, jobs)
    if workflow.executor_plugin.name == "slurm" and kinds:
        executor = workflow.scheduler.get_executor(next(iter(kinds.values())))
        check_submissions(executor, kinds)
        FAILURES.listen(executor)
