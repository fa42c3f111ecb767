//! K1: the process is killed right after, and right before, each write of a flow, and started again. The end state and how
//! often each kind was created and deleted equal those of a run that nobody disturbed (I7).

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams};
use leasehold::api::{Phase, Rollout};
use leasehold::observe::Source;
use serde_json::json;

use crate::end::End;
use crate::oracle::{claims_come_first, deletes_carry_the_uid, the_inventory_comes_first};
use crate::runner::{ALONE, Runner};
use crate::scene::{SOON, Scene, names, phase};
use crate::state::{self, Words};
use crate::support::eventually;

/// More writes than any of the flows takes, before and after.
const MOST: usize = 120;

/// Something that one run does from beginning to end. Each run has tenants or versions of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Onboard,
    Upgrade,
    /// A run whose canary is proven waits for an approval; all ask for something newer; that run is approved.
    Supersede,
    Offboard,
}

#[tokio::test]
async fn crash_after_every_write_of_an_onboarding_and_of_an_offboarding() {
    let scene = Scene::begin().await;
    scene.operator("crash", &[version(0)]).await;
    let mut runner = Runner::start(&scene, "crash", ALONE);
    let runs = Flow::Onboard.through_every_write(&scene, &mut runner, MOST).await;
    // Those very tenants go again, and a few more, because that takes more writes.
    let all: Vec<String> = (0..runs + 20).flat_map(|run| Flow::Offboard.tenants(run)).collect();
    for name in &all[runs..] {
        scene.tenant(name, "crash", &version(0)).await;
    }
    scene.until_run(&all, &version(0)).await;
    Flow::Offboard.through_every_write(&scene, &mut runner, all.len()).await;
}

#[tokio::test]
async fn crash_after_every_write_of_an_upgrade_in_two_waves() {
    let scene = Scene::begin().await;
    scene.operator("crash", &[]).await;
    scene.release("crash", &version(0), &stack()).await;
    let mut runner = Runner::start(&scene, "crash", ALONE);
    for name in names("up", 3) {
        scene.tenant(&name, "crash", &version(0)).await;
    }
    scene.until_run(&names("up", 3), &version(0)).await;
    Flow::Upgrade.through_every_write(&scene, &mut runner, MOST - 1).await;
}

#[tokio::test]
async fn crash_after_every_write_of_a_run_with_an_approval_and_a_supersede() {
    let scene = Scene::begin().await;
    // What is past the limit is deleted: those are writes, too.
    scene.policy("crash", 2, ", gates: {after: [{name: look, approval: {}}]}").await;
    scene.release("crash", &version(0), &stack()).await;
    let mut runner = Runner::start(&scene, "crash", ALONE);
    for name in names("two", 2) {
        scene.tenant(&name, "crash", &version(0)).await;
    }
    scene.until_run(&names("two", 2), &version(0)).await;
    Flow::Supersede.through_every_write(&scene, &mut runner, MOST * 3).await;
}

/// All of one length, so that none is part of another.
fn version(run: usize) -> String {
    format!("1.0.{}", 100 + run)
}

/// The standard stack and an object that each version has under another name: an upgrade makes one and prunes one.
fn stack() -> String {
    let own = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes-{{version}}\n  namespace: \"{{tenant.namespace}}\"\n";
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/standard-v1");
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let standard = files.map(|file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        json!({"name": name, "yaml": std::fs::read_to_string(&file).unwrap()})
    });
    let all: Vec<_> = standard.chain([json!({"name": "12-notes.yaml", "yaml": own})]).collect();
    format!("  templates: {}\n", json!(all))
}

/// Which writes are struck: the first of them and the step to the next. All with `LEASEHOLD_FAULTS=all`, and always all of
/// an onboarding; else a part, another one from run to run, so that the tests of a change take minutes.
fn sample(flow: Flow) -> (usize, usize) {
    let all = std::env::var("LEASEHOLD_FAULTS").is_ok_and(|given| given == "all");
    let step = match flow {
        Flow::Onboard => 1,
        _ if all => 1,
        Flow::Upgrade | Flow::Offboard => 3,
        Flow::Supersede => 6,
    };
    let second = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    (1 + usize::try_from(second).unwrap_or(0) % step, step)
}

impl Flow {
    /// Runs the flow once undisturbed, then again and again, killed at write after write, until it is through with fewer.
    /// Returns how many runs that took; `most` are possible.
    async fn through_every_write(self, scene: &Scene, runner: &mut Runner<'_>, most: usize) -> usize {
        let (first, step) = sample(self);
        println!("{self:?}: write {first} and every {step}. after it");
        let mut run = 0;
        if self == Self::Supersede {
            // The first leaves what the second deletes, and so on.
            self.once(scene, runner, run, None, None).await;
            run += 1;
        }
        let undisturbed = self.once(scene, runner, run, None, None).await;
        for after in [true, false] {
            let mut killed = 0;
            for nth in (first..).step_by(step) {
                run += 1;
                assert!(run < most, "the flow takes more writes than there are runs");
                let end = self.once(scene, runner, run, Some((nth, after)), Some(&undisturbed)).await;
                let what = format!("killed {} write {nth}", if after { "after" } else { "before" });
                let differences = end.differences(&undisturbed);
                assert!(differences.is_empty(), "{what}: the end differs\n{}", differences.join("\n"));
                if !end.killed {
                    break;
                }
                killed += 1;
            }
            println!("{}: killed {killed} times", if after { "after" } else { "before" });
            assert!(killed > 1, "the flow writes");
        }
        run + 1
    }

    async fn once(
        self,
        scene: &Scene,
        runner: &mut Runner<'_>,
        run: usize,
        kill: Option<(usize, bool)>,
        undisturbed: Option<&End>,
    ) -> End {
        if let Self::Upgrade | Self::Supersede = self {
            for version in self.targets(run) {
                scene.release("crash", &version, &stack()).await;
            }
        }
        runner.until_at_rest().await;
        let proxy = runner.proxy.clone();
        let began = proxy.requests();
        let rule = runner.kill_at(kill);
        let mut killed = false;
        for act in 0..self.acts() {
            self.act(scene, run, act).await;
            let what = format!("what follows act {act} of run {run}");
            eventually(&what, SOON, async || {
                killed |= runner.restart_if_dead();
                self.came(scene, run, act).await
            })
            .await;
        }
        let (tenants, targets, words) = (self.tenants(run), self.targets(run), self.words(run));
        let state = async || state::of(&scene.client(), &tenants, &targets, &words).await;
        let mut end = End::of(runner, rule, began, undisturbed, state).await;
        end.killed |= killed;
        deletes_carry_the_uid(&end.log);
        claims_come_first(&proxy.log());
        the_inventory_comes_first(&proxy.log());
        if self == Self::Supersede {
            scene.forget_approvals().await;
        }
        end
    }

    fn tenants(self, run: usize) -> Vec<String> {
        match self {
            Self::Onboard | Self::Offboard => vec![format!("on-{}", 100 + run)],
            Self::Upgrade => names("up", 3),
            Self::Supersede => names("two", 2),
        }
    }

    /// What the tenants go to, in this order.
    fn targets(self, run: usize) -> Vec<String> {
        match self {
            Self::Onboard | Self::Offboard => vec![version(0)],
            Self::Upgrade => vec![version(run + 1)],
            Self::Supersede => vec![version(2 * run + 1), version(2 * run + 2)],
        }
    }

    fn words(self, run: usize) -> Words {
        let rollout = |version: &str, n: usize| (format!("crash-{version}-{n}"), format!("\"sequence\":{n},"));
        match self {
            Self::Onboard | Self::Offboard => vec![(format!("on-{}", 100 + run), "TENANT")],
            Self::Upgrade => {
                let (old, new) = (version(run), version(run + 1));
                let (name, sequence) = rollout(&new, run + 1);
                vec![(name, "ROLLOUT"), (sequence, "SEQUENCE"), (new, "NEW"), (old, "OLD")]
            }
            Self::Supersede => {
                let [old, first, second] = [2 * run, 2 * run + 1, 2 * run + 2].map(version);
                let (one, two) = (rollout(&first, 2 * run + 1), rollout(&second, 2 * run + 2));
                let names = [(one.0, "FIRST-ROLLOUT"), (two.0, "SECOND-ROLLOUT"), (one.1, "ONE"), (two.1, "TWO")];
                names.into_iter().chain([(first, "NEW"), (second, "NEWER"), (old, "OLD")]).collect()
            }
        }
    }

    /// How often somebody does something in it.
    fn acts(self) -> usize {
        if self == Self::Supersede { 3 } else { 1 }
    }

    async fn act(self, scene: &Scene, run: usize, act: usize) {
        let (tenants, targets) = (self.tenants(run), self.targets(run));
        match self {
            Self::Onboard => scene.tenant(&tenants[0], "crash", &targets[0]).await,
            Self::Supersede if act == 2 => {
                let rollout = scene.rollout("crash", &targets[1], |_| true).await.expect("it waits for this");
                scene.approve(&rollout, "canary", "look").await;
            }
            Self::Upgrade | Self::Supersede => scene.bump(&tenants, &targets[act]).await,
            Self::Offboard => {
                scene.tenants().delete(&tenants[0], &DeleteParams::default()).await.unwrap();
            }
        }
    }

    /// Whether what follows from it is there.
    async fn came(self, scene: &Scene, run: usize, act: usize) -> bool {
        let (tenants, targets) = (self.tenants(run), self.targets(run));
        let asks = |rollout: &Rollout| {
            rollout.status.as_ref().is_some_and(|status| status.message.contains("waits for a RolloutApproval"))
        };
        let superseded = |rollout: &Rollout| phase(rollout) == Some(Phase::Superseded);
        match (self, act) {
            (Self::Onboard, _) => scene.run(&tenants, &targets[0]).await,
            // What people see is on record: that it waits, and that its canary is proven.
            (Self::Supersede, 0) => {
                scene.rollout("crash", &targets[0], asks).await.is_some() && scene.run(&tenants[..1], &targets[0]).await
            }
            (Self::Supersede, 1) => {
                scene.rollout("crash", &targets[0], superseded).await.is_some()
                    && scene.rollout("crash", &targets[1], asks).await.is_some()
                    && scene.run(&tenants[..1], &targets[1]).await
            }
            (Self::Upgrade | Self::Supersede, _) => {
                let last = targets.last().expect("at least one");
                scene.run(&tenants, last).await
                    && scene.succeeded("crash", last).await.is_some()
                    && settled_pods(scene, &tenants).await
                    && scene.answered().await
            }
            (Self::Offboard, _) => scene.tenants().get_opt(&tenants[0]).await.is_ok_and(|tenant| tenant.is_none()),
        }
    }
}

/// Two pods a tenant, none going, one of them marked for the next upgrade.
pub async fn settled_pods(scene: &Scene, tenants: &[String]) -> bool {
    let pods: Api<DynamicObject> = Api::all_with(scene.client(), &Source::Pods.api_resource());
    let params = ListParams::default().labels(&format!("leasehold.dev/tenant in ({})", tenants.join(",")));
    let Ok(pods) = pods.list(&params).await else { return false };
    let marked = pods.items.iter().filter(|pod| state::cost(pod).is_some()).count();
    let stay = pods.items.iter().all(|pod| pod.metadata.deletion_timestamp.is_none());
    stay && pods.items.len() == 2 * tenants.len() && marked == tenants.len()
}
