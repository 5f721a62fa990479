//! `token-broker probe`, as it is started by whoever can only start a program.

use std::process::{Command, Output};

use testkit::eventually;

use crate::support::{Broker, Entra};

/// Runs the probe with these flags and nothing in the environment.
async fn probe(flags: &[String]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_token-broker"));
    command.arg("probe").args(flags).env_clear();
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn code_and_reason(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_says_how_the_broker_is_on_both_addresses() {
    let entra = Entra::start().await;
    let broker = Broker::start_with(entra.config(&["--health-listen", "127.0.0.1:0"])).await;
    eventually("it is ready", async || broker.admin("/readyz").await.starts_with("HTTP/1.1 200")).await;
    let admin = vec![format!("--admin-listen={}", broker.admin)];
    let health = vec![format!("--health-listen={}", broker.health.as_ref().unwrap())];
    for place in [&admin, &health] {
        assert_eq!(code_and_reason(&probe(place).await), (Some(0), String::new()));
    }

    // The certificate ends on the first day of 2028: it lives, and cannot do its work.
    broker.clock.set("2028-01-01T00:00:00Z".parse().unwrap());
    for place in [&admin, &health] {
        let (code, reason) = code_and_reason(&probe(place).await);
        assert!(code == Some(1) && reason.contains("it answers 503"), "{code:?} {reason}");
        let live = [place.clone(), vec!["--live".to_owned()]].concat();
        assert_eq!(probe(&live).await.status.code(), Some(0));
    }

    broker.shutdown.cancel();
    eventually("it is gone", async || tokio::net::TcpStream::connect(&broker.admin).await.is_err()).await;
    let (code, reason) = code_and_reason(&probe(&admin).await);
    assert!(code == Some(1) && reason.contains("no connection"), "{code:?} {reason}");
}

#[tokio::test]
async fn a_mistake_is_a_failure_too_and_help_is_none() {
    let (code, reason) = code_and_reason(&probe(&["--admin-listen=nowhere".to_owned()]).await);
    assert!(code == Some(1) && reason.contains("--admin-listen"), "{code:?} {reason}");
    assert_eq!(probe(&["--help".to_owned()]).await.status.code(), Some(0));
}
