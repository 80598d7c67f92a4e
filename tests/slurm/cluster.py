"""A SLURM cluster of two nodes on this machine: a controller and two slurmd, each with a GPU that is /dev/null.

It starts and stops only what it started, in a folder of its own.
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
CONTROLLER_PORT, FIRST_NODE_PORT = 16817, 17001


@dataclass
class Cluster:
    """The daemons, their folder, and how to talk to them.

    Attributes:
        folder: configuration, state, spool and logs.
        cpus: CPUs that each node says it has.
    """

    folder: Path
    cpus: int = 2
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @staticmethod
    def missing() -> str | None:
        """Why there can be no cluster here."""
        programs = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if shutil.which(name) is None]
        if programs:
            return f"needs {', '.join(programs)} (Debian: slurm-wlm and munge)"
        if os.getuid() != 0:
            return "needs to be root"
        return f"{SYSTEM_CONFIG} is another cluster's" if SYSTEM_CONFIG.exists() else None

    @property
    def environment(self) -> dict[str, str]:
        """For commands that talk to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Start munged, the controller and the nodes, and wait until both nodes are idle."""
        for name in ("state", "spool", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._start_munge()
        host = socket.gethostname().split(".")[0]
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        (self.folder / "slurm.conf").write_text(
            f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={CONTROLLER_PORT}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge.socket
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
SlurmdTimeout=30
KillWait=5
MinJobAge=600
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={",".join(NODES)} NodeHostname={host} NodeAddr=127.0.0.1 \
Port=[{FIRST_NODE_PORT}-{FIRST_NODE_PORT + 1}] CPUs={self.cpus} RealMemory=8000 Gres=gpu:1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""".replace(" \\\n", " ")
        )
        SYSTEM_CONFIG.parent.mkdir(parents=True, exist_ok=True)
        SYSTEM_CONFIG.unlink(missing_ok=True)  # a link that an earlier, killed cluster left behind
        SYSTEM_CONFIG.symlink_to(self.folder / "slurm.conf")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.wait_for("both nodes idle", lambda: self.run("sinfo", "-h", "-o", "%T", "-N").split() == ["idle"] * 2)

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

    def stop(self) -> None:
        """Cancel all jobs and end what was started, nodes first."""
        if "slurmctld" in self.daemons:
            self.run("scancel", "--user=root", check=False)
        for name in [*NODES, "slurmctld", "munged"]:
            if name in self.daemons:
                self.stop_daemon(name)
        SYSTEM_CONFIG.unlink(missing_ok=True)

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

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self.folder / "log" / f"{name}.out.log").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
