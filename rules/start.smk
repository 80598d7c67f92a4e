# What happens between the plan and the first job: checks, and the files of settings that commands name. And after the
# last one.
from badminima.workflow.ending import ending
from badminima.workflow.handles import check_slurm, lift_job_rate_limit, limit_resource, made_files, planned_jobs
from badminima.workflow.machine import gpus_here
from badminima.workflow.preflight import check_captions, check_cost, check_data

# A workflow that imports this one gives rules names of its own.
NAMED = (rules.train, rules.pretrain, rules.fetch_data, rules.plan, rules.report)
TRAIN, PRETRAIN, FETCH_DATA, PLAN, REPORT = (one.rule.name for one in NAMED)


def prepare_start():
    """Stop what should not start, and write the settings of the jobs that do."""
    jobs = planned_jobs(workflow)
    if workflow.is_main_process and not workflow.touch:
        try:
            check_start(jobs)
        except UserError as error:
            sys.exit(f"not started: {error}")
    for job in jobs:
        # A parameter is worked out when it is asked for; that remembers what is to be written.
        job.params
    SETTINGS.write()
    # No more jobs on GPUs of this machine than it has; a cluster's jobs have their own.
    if workflow.nodes is None and "gpu" not in workflow.global_resources and (gpus := gpus_here(CONFIG.device)):
        limit_resource(workflow, "gpu", gpus)
    lift_job_rate_limit(workflow)


def check_start(jobs):
    """Raise UserError if jobs would fail, take months on this machine, or end without anybody noticing."""
    planned = {job.rule.name for job in jobs}
    trainings = [as_run(job.wildcards) for job in jobs if job.rule.name == TRAIN]
    pretrainings = [as_run(job.wildcards) for job in jobs if job.rule.name == PRETRAIN]
    datasets = {job.wildcards.dataset for job in jobs if job.rule.name == FETCH_DATA}
    if PLAN in planned and (trainings or pretrainings):
        raise UserError("plan", "targets that train beside it", "ask for plan alone: it has a row for each of them")
    if REPORT in planned:
        check_captions(CONFIG, CHECKOUT / "report")
    if workflow.nodes is None:
        check_cost(CONFIG, trainings, pretrainings, SPEEDS)
    check_data(CONFIG, datasets)
    if not all(job.is_local for job in jobs):
        check_slurm(workflow)
