//! In: a line of the documentation. Out: what became of it, run by bash on the test cluster, in a folder that looks like a
//! checkout. Never: changes the repository.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::blocks::Block;
use crate::support::{Cluster, Process, beside_cluster_program, eventually, leasehold_binary};

/// A slow machine's time for one line.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(150);

/// Verbs that change something, and that the API server can also carry out for show.
const CHANGING: &str = "apply|create|patch|annotate|label|scale|delete";

pub struct Shell<'a> {
    cluster: &'a Cluster,
    folder: tempfile::TempDir,
    dry: bool,
}

impl<'a> Shell<'a> {
    pub fn new(cluster: &'a Cluster) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for shown in ["charts", "examples"] {
            symlink(root.join(shown), folder.path().join(shown)).expect("a link");
        }
        let shell = Self { cluster, folder, dry: false };
        let kubectl = quoted(cluster.program("kubectl").get_program().as_ref());
        shell.program("bin/kubectl", &format!("exec {kubectl} kubectl \"$@\""));
        let dry = format!("for word; do case $word in {CHANGING}) set -- \"$@\" --dry-run=server; break;; esac; done");
        shell.program("dry/kubectl", &format!("{dry}\nexec {kubectl} kubectl \"$@\""));
        let words = "suspend|resume|skip|abort|undo|hold|release|stop";
        let said = format!("for word; do case $word in {words}) set -- \"$@\" --dry-run; break;; esac; done");
        // Writes a file, and says no word to anybody.
        let dry = format!("case \"$1 $2\" in 'release new') ;; *) {said} ;; esac");
        shell.program("dry/leasehold", &format!("{dry}\nexec {} \"$@\"", quoted(leasehold_binary())));
        shell.program("bin/leasehold", &format!("exec {} \"$@\"", quoted(leasehold_binary())));
        shell.program("bin/helm", &format!("exec {} \"$@\"", quoted(&beside_cluster_program("helm"))));
        shell
    }

    /// From here on nothing is changed: the API server only says whether it would.
    pub fn for_show(mut self) -> Self {
        self.dry = true;
        self
    }

    pub fn for_real(mut self) -> Self {
        self.dry = false;
        self
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn program(&self, name: &str, body: &str) {
        self.write(name, &format!("#!/bin/sh\n{body}\n"));
        let path = self.folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    }

    fn start(&self, line: &str) -> Process {
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        let first = if self.dry { format!("{}:", place("dry")) } else { String::new() };
        let path = format!("{first}{}:{}", place("bin"), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-c", &format!("set -o pipefail\n{line}")]).current_dir(self.folder.path());
        command.env("PATH", path).env("KUBECONFIG", self.cluster.kubeconfig());
        self.cluster.spawn("line", command)
    }

    /// Whether the line succeeded, and what it printed.
    pub async fn run(&self, line: &str) -> (bool, String) {
        let process = self.start(line);
        (process.wait(PATIENCE).await.success(), process.log())
    }

    /// Runs the line again and again until `said` likes what became of it: what the text tells comes true in a moment.
    pub async fn until(&self, place: &str, line: &str, said: impl Fn(bool, &str) -> bool) {
        let mut last = String::new();
        let tried = async || {
            let (success, text) = self.run(line).await;
            let fits = said(success, &text);
            last = text;
            fits
        };
        let done = tokio::time::timeout(PATIENCE * 2, eventually(line, PATIENCE * 2, tried)).await;
        assert!(done.is_ok(), "{place}: {line}\nlast: {last}");
    }

    /// For what goes on until Ctrl-C: waits for a line that holds all these words, then ends it. By SIGTERM: what a shell starts
    /// in the background, as this test may be, ignores SIGINT, and so does all that it starts.
    pub async fn watch(&self, line: &str, words: &[&str]) {
        let process = self.start(&format!("exec {line}"));
        let what = format!("{words:?}");
        process.log_line(&what, PATIENCE, |line| words.iter().all(|word| line.contains(word))).await;
        process.signal(Signal::TERM);
        process.wait(PATIENCE).await;
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// The lines of a block without their comments, those that go on in one, empty ones left out.
pub fn lines(block: &Block) -> Vec<(String, String)> {
    let text = block.text.replace("\\\n", " ");
    let split = |line: &str| match line.split_once(" #") {
        Some((line, comment)) => (line.trim().to_owned(), comment.trim().to_owned()),
        None => (line.trim().to_owned(), String::new()),
    };
    text.lines().map(split).filter(|(line, _)| !line.is_empty() && !line.starts_with('#')).collect()
}

/// A kubeconfig for the cluster with this token instead of the admin's certificate.
pub fn kubeconfig_with_token(cluster: &Cluster, token: &str) -> PathBuf {
    let text = fs::read_to_string(cluster.kubeconfig()).expect("a kubeconfig");
    let mut config: serde_json::Value = serde_saphyr::from_str(&text).expect("a kubeconfig is YAML");
    for user in config["users"].as_array_mut().expect("users") {
        user["user"] = serde_json::json!({"token": token});
    }
    let path = cluster.dir().join("with-token");
    fs::write(&path, config.to_string()).expect("a file");
    path
}
