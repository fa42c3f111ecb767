//! In: a directory and the ids of processes that must not outlive this test binary. Out: when our end of its pipe
//! closes, for whatever reason (normal end, panic, abort, `kill -9`), they are ended and the directory is removed, but
//! for its logs when the file `keep` says so. Never: touches a process that it was not told about.
//!
//! A `static` is never dropped, and a killed test binary drops nothing at all; a tiny shell that waits for the end of
//! its input sees both. It has a process group of its own, so that Ctrl-C in a terminal does not end it first.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// Reads `+ PID` and `- PID` until the end of its input. TERM first, KILL 5 s later, because the cluster program takes
/// its children along when it is asked to end.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
dir=$1
pids=' '
echo watching
while read -r op pid; do
    case $op in
        +) pids="$pids$pid " ;;
        -) pids="${pids%% "$pid" *} ${pids#* "$pid" }" ;;
    esac
done
for pid in $pids; do kill -TERM "$pid"; done
tries=0
while [ "$tries" -lt 50 ]; do
    alive=
    for pid in $pids; do kill -0 "$pid" && alive=yes; done
    [ -n "$alive" ] || break
    sleep 0.1
    tries=$((tries + 1))
done
for pid in $pids; do kill -KILL "$pid"; done
tries=0
if [ -e "$dir/keep" ]; then
    find "$dir" -mindepth 1 ! -name '*.log' ! -type d -exec rm -f {} +
    find "$dir" -mindepth 1 -depth -type d -empty -exec rmdir {} \;
else
    while ! rm -rf "$dir" && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
fi
"#;

pub struct Guardian {
    shell: Mutex<(Child, Option<ChildStdin>)>,
}

impl Guardian {
    /// Returns once the guardian watches, so that nothing made afterwards can be missed.
    pub fn over(dir: &Path) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start sh");
        let stdout = shell.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut String::new()).expect("the guardian says that it watches");
        let stdin = shell.stdin.take();
        Self { shell: Mutex::new((shell, stdin)) }
    }

    pub fn watch(&self, pid: u32) {
        self.tell('+', pid);
    }

    /// To be called before the process is reaped: afterwards its id may belong to another.
    pub fn forget(&self, pid: u32) {
        self.tell('-', pid);
    }

    fn tell(&self, op: char, pid: u32) {
        let mut shell = self.shell.lock().unwrap();
        if let Some(stdin) = &mut shell.1 {
            writeln!(stdin, "{op} {pid}").expect("the guardian reads");
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let mut shell = self.shell.lock().unwrap();
        shell.1 = None;
        let _ = shell.0.wait();
    }
}
