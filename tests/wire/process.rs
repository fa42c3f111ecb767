//! When the process itself is what fails.
use std::{
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use leasehold::election::{Elector, ElectorConfig, Expired, Leadership, Outcome, Reason, Timings, watchdog::Reaction};

use crate::{config, held_lease, is_standby, leading, server::Server};

const ADDRESS: &str = "ELECTION_TEST_SERVER";

/// Terms as short as the record allows: these tests wait for one to end.
fn short(config: ElectorConfig) -> ElectorConfig {
    let ms = Duration::from_millis;
    config.timings(Timings::new(ms(3000), ms(2000), ms(200)).expect("valid"))
}

/// Runs an elector on a runtime of one thread, and blocks that thread as soon as it leads.
fn starve(server: std::net::SocketAddr, config: ElectorConfig, blocked: impl FnOnce() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let kube = kube::Config::new(format!("http://{server}").parse().expect("a url"));
        let elector = Elector::start(kube, config).await.expect("starts");
        let _term = elector.lead().await.expect("wins");
        blocked();
    });
}

async fn let_win(server: &mut Server) {
    loop {
        let exchange = server.next().await;
        if exchange.method == http::Method::POST {
            break drop(exchange.store("1"));
        }
        exchange.not_found();
    }
}

#[tokio::test]
async fn n29_a_starved_runtime_sets_off_the_watchdog() {
    let mut server = Server::start().await;
    let (barked, bark) = mpsc::channel();
    let config = ElectorConfig {
        watchdog: Reaction::new(move |overdue| barked.send(overdue).expect("heard")),
        ..short(config())
    };
    let address = server.address;
    // Blocks until the watchdog has spoken; with no watchdog, for ever.
    let starved = std::thread::spawn(move || {
        let (report, reported) = mpsc::channel();
        starve(address, config, move || report.send(bark.recv_timeout(Duration::from_mins(1))).expect("heard"));
        reported.recv().expect("it led")
    });
    let_win(&mut server).await;
    let overdue = tokio::task::spawn_blocking(|| starved.join()).await.expect("joined").expect("no panic");
    let overdue = overdue.expect("the watchdog spoke");
    assert!(!overdue.by.is_zero());
}

/// Not a test: the process that the next one starts.
#[test]
fn child_that_starves_itself() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    starve(address.parse().expect("an address"), short(config()), || {
        loop {
            std::thread::park();
        }
    });
}

#[tokio::test]
async fn n29_a_starved_process_is_ended() {
    use std::os::unix::process::ExitStatusExt;
    let mut server = Server::start().await;
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "process::child_that_starves_itself", "--nocapture"])
        .env(ADDRESS, server.address.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let_win(&mut server).await;
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("joined").expect("waited for");
    assert_eq!(status.signal(), Some(6), "aborted: {status}");
}

/// No watchdog looks after a standby, since there is no term to end: its health check is what shows that it hangs.
#[tokio::test]
async fn a_starved_standby_is_overdue_until_it_turns_again() {
    let mut server = Server::start().await;
    let (address, config) = (server.address, short(config()));
    let (report, reported) = mpsc::channel();
    let (free, blocked) = mpsc::channel::<()>();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let starved = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let kube = kube::Config::new(format!("http://{address}").parse().expect("a url"));
            let elector = Elector::start(kube, config).await.expect("starts");
            elector.subscribe().wait_for(|l| is_standby(l, "other")).await.expect("stands by");
            report.send(elector.heartbeat()).expect("heard");
            blocked.recv().expect("is told to go on");
            ended.await.expect("is told to end");
        });
    });
    server.expect_get().await.with(http::StatusCode::OK, &held_lease("other"));
    let heartbeat = tokio::task::spawn_blocking(move || reported.recv()).await.expect("joined").expect("it stands by");
    let becomes = async |overdue: bool| {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while heartbeat.overdue().is_zero() == overdue {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), becomes(true)).await.expect("overdue while it is blocked");
    free.send(()).expect("it waits");
    tokio::time::timeout(Duration::from_mins(1), becomes(false)).await.expect("in time when it turns again");
    end.send(()).expect("it waits");
    tokio::task::spawn_blocking(|| starved.join()).await.expect("joined").expect("no panic");
}

#[tokio::test]
async fn n30_an_elector_whose_runtime_is_gone_ends_its_term() {
    let mut server = Server::start().await;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let kube = server.kube();
    let elector = runtime.spawn(async move { Elector::start(kube, config()).await.expect("starts") });
    let elector = elector.await.expect("no panic");
    let_win(&mut server).await;
    let term = elector.lead().await.expect("wins");
    let leadership = elector.subscribe();
    runtime.shutdown_background();
    term.cancelled().await;
    assert_eq!(term.check(), Err(Expired::Cancelled));
    assert_eq!(elector.ended().await, Outcome::Lost(Reason::ElectorDied));
    let last = leadership.borrow().clone();
    assert!(matches!(last, Leadership::Ended { reason: Outcome::Lost(Reason::ElectorDied) }));
}

#[tokio::test]
async fn n32_a_drain_that_hangs_means_no_release_and_says_so() {
    let mut server = Server::start().await;
    let config = ElectorConfig { drain_timeout: Duration::from_millis(50), ..config() };
    let (elector, term, _watch, _) = leading(&mut server, config).await;
    let hung = term.enter().expect("open");
    let outcome = elector.shutdown().await;
    assert_eq!(outcome, Outcome::DrainTimedOut);
    while let Some(exchange) = server.waiting() {
        assert_ne!(exchange.body["spec"]["holderIdentity"], "", "released with a write in flight");
    }
    drop(hung);
}

#[tokio::test]
async fn an_elector_that_is_dropped_gives_its_lease_back() {
    let mut server = Server::start().await;
    let (elector, term, _watch, _) = leading(&mut server, config()).await;
    drop(elector);
    crate::release(&mut server).await.store("9");
    assert_eq!(term.check(), Err(Expired::Cancelled));
}
