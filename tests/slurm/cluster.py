"""A SLURM cluster of two nodes on this machine: a controller and two slurmd, each with a GPU that is /dev/null.

It starts and stops only what it started, in a folder of its own. Its daemons end with the process that started them,
even if that is killed.
"""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

NODES = ("n1", "n2")
# Jobs look here, since the executor plugin clears SLURM's variables from their environment.
SYSTEM_CONFIG = Path("/etc/slurm/slurm.conf")
# Beside the default ports, so that a cluster that is there already is left alone.
CONTROLLER_PORT, FIRST_NODE_PORT, DATABASE_PORT = 16817, 17001, 16819
PORTS = (CONTROLLER_PORT, *range(FIRST_NODE_PORT, FIRST_NODE_PORT + len(NODES)), DATABASE_PORT)
# The first line of a configuration that was written here: the system's link to one may be replaced.
MADE_HERE = "# Of a cluster for tests: tests/slurm/cluster.py wrote it."
# A command behind these words is killed by the kernel when the process that started it ends, however it ends.
ENDS_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")
ACCOUNT = "lab"
# How long SLURM lets a job wait that it put back into the queue (120 by default); its step must be launched within it.
REQUEUE_SECONDS = 15
NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none"
ACCOUNTING = """AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageEnforce=associations
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2"""


def is_open(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Cluster:
    """The daemons, their folder, and how to talk to them.

    Attributes:
        folder: configuration, state, spool and logs.
        cpus: CPUs that each node says it has.
        accounting: with slurmdbd and a database, and the account `ACCOUNT`, without which nobody may submit.
    """

    folder: Path
    cpus: int = 2
    accounting: bool = False
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @staticmethod
    def missing(accounting: bool = False) -> str | None:
        """Why there can be no cluster here, or none with accounting."""
        needed = ["setpriv", "slurmctld", "slurmd", "munged", "sbatch"]
        needed += ["slurmdbd", "mariadbd"] if accounting else []
        programs = [name for name in needed if shutil.which(name) is None]
        if programs:
            return f"needs {', '.join(programs)} (Debian: slurm-wlm, munge, slurmdbd, mariadb-server)"
        return "needs to be root" if os.getuid() != 0 else None

    @staticmethod
    def obstacle() -> str | None:
        """Name what must go before a cluster can start; None if the way is free."""
        if SYSTEM_CONFIG.exists() and not SYSTEM_CONFIG.read_text().startswith(MADE_HERE):
            return f"{SYSTEM_CONFIG} is another cluster's"
        taken = [str(port) for port in PORTS if is_open(port)]
        if taken:
            return f"ports {', '.join(taken)} are taken: wait for the other run of these tests, or kill what one left"
        return None

    @property
    def environment(self) -> dict[str, str]:
        """For commands that talk to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle; raises RuntimeError where something is in the way."""
        obstacle = self.obstacle()
        if obstacle is not None:
            raise RuntimeError(obstacle)
        for name in ("state", "spool", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._start_munge()
        if self.accounting:
            self._start_database()
        host = socket.gethostname().split(".")[0]
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        (self.folder / "slurm.conf").write_text(
            f"""{MADE_HERE}
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={CONTROLLER_PORT}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge.socket,cred_expire={REQUEUE_SECONDS}
CredType=cred/munge
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/%n.pid
SlurmctldLogFile={self.folder}/log/slurmctld.log
SlurmdLogFile={self.folder}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
EnforcePartLimits=ALL
SlurmdParameters=config_overrides
SlurmdTimeout=30
KillWait=5
MinJobAge=600
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
GresTypes=gpu
{ACCOUNTING.format(port=DATABASE_PORT, folder=self.folder) if self.accounting else NO_ACCOUNTING}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={",".join(NODES)} NodeHostname={host} NodeAddr=127.0.0.1 \
Port=[{FIRST_NODE_PORT}-{FIRST_NODE_PORT + 1}] CPUs={self.cpus} RealMemory=8000 Gres=gpu:1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=short Nodes=ALL MaxTime=30 State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
""".replace(" \\\n", " ")
        )
        SYSTEM_CONFIG.parent.mkdir(parents=True, exist_ok=True)
        SYSTEM_CONFIG.unlink(missing_ok=True)  # the link of a cluster that was killed
        SYSTEM_CONFIG.symlink_to(self.folder / "slurm.conf")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        if self.accounting:
            self._create_account()
        self._wait_until_idle()

    def _wait_until_idle(self) -> None:
        question = ("sinfo", "-h", "-o", "%T", "-N", "-p", "main")
        self.wait_for("both nodes idle", lambda: self.run(*question).split() == ["idle"] * len(NODES))

    def _start_database(self) -> None:
        data, sock = self.folder / "database", self.folder / "database.socket"
        self.run("mariadb-install-db", "--user=root", f"--datadir={data}", "--auth-root-authentication-method=normal")
        server = ["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}"]
        self._spawn("mariadbd", [*server, "--skip-networking", f"--pid-file={self.folder}/mariadbd.pid"])
        self.wait_for("the database", lambda: bool(self.run("mariadb-admin", f"--socket={sock}", "ping")))
        settings = self.folder / "slurmdbd.conf"
        settings.write_text(
            f"""DbdHost=localhost
DbdPort={DATABASE_PORT}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge.socket
StorageType=accounting_storage/mysql
StorageUser=root
StorageLoc=slurm_acct_db
LogFile={self.folder}/log/slurmdbd.log
PidFile={self.folder}/slurmdbd.pid
"""
        )
        settings.chmod(0o600)
        # The client library takes the socket from here; slurmdbd has no setting for it.
        self._spawn("slurmdbd", ["slurmdbd", "-D"], MYSQL_UNIX_PORT=str(sock))
        self.wait_for("slurmdbd", lambda: is_open(DATABASE_PORT))

    def _create_account(self) -> None:
        self.wait_for("accounting", lambda: "test" in self.run("sacctmgr", "-n", "show", "cluster", "format=cluster"))
        self.run("sacctmgr", "-i", "add", "account", ACCOUNT)
        self.run("sacctmgr", "-i", "add", "user", "root", f"account={ACCOUNT}", f"defaultaccount={ACCOUNT}")

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        arguments = [
            *("munged", "--foreground", f"--key-file={key}", f"--socket={self.folder}/munge.socket"),
            *(f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/log/munged.log"),
            *(f"--seed-file={self.folder}/munge.seed", "--force"),
        ]
        self._spawn("munged", arguments)
        self.wait_for("munge", lambda: (self.folder / "munge.socket").exists())

    def start_controller(self) -> None:
        """Start the controller; state of an earlier one is taken up."""
        self._spawn("slurmctld", ["slurmctld", "-D", "-f", str(self.folder / "slurm.conf")])
        self.wait_for("the controller", lambda: "is UP" in self.run("scontrol", "ping"))

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self._spawn(node, ["slurmd", "-D", "-N", node, "-f", str(self.folder / "slurm.conf")])

    def stop_daemon(self, name: str) -> None:
        """End one daemon."""
        process = self.daemons.pop(name)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def clear(self) -> None:
        """Cancel all jobs, put nodes that are down back to work, and wait until both are idle."""
        self.run("scancel", "--user=root")
        for node in NODES:
            self.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        self._wait_until_idle()

    def stop(self) -> None:
        """Cancel all jobs and end what was started, nodes first."""
        if "slurmctld" in self.daemons:
            self.run("scancel", "--user=root", check=False)
        for name in [*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"]:
            if name in self.daemons:
                self.stop_daemon(name)
        if SYSTEM_CONFIG.is_symlink() and SYSTEM_CONFIG.readlink() == self.folder / "slurm.conf":
            SYSTEM_CONFIG.unlink()

    def run(self, *command: str, check: bool = True) -> str:
        """Run a SLURM command and give what it printed."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}\n{self.logs()}")
        return done.stdout

    def wait_for(self, what: str, condition, seconds: float = 30.0) -> None:
        """Wait until a condition holds; a failure shows the daemons' logs."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except RuntimeError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come in {seconds:g} s\n{self.logs()}")
            time.sleep(0.2)

    def logs(self) -> str:
        """The end of each daemon's log."""
        logs = sorted((self.folder / "log").glob("*.log"))
        ends = {log.name: log.read_text(errors="replace").splitlines()[-25:] for log in logs}
        return "\n".join(f"--- {name}\n" + "\n".join(lines) for name, lines in ends.items())

    def _spawn(self, name: str, command: list[str], **variables: str) -> None:
        with (self.folder / "log" / f"{name}.out.log").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [*ENDS_WITH_ITS_PARENT, *command],
                env=self.environment | variables,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
