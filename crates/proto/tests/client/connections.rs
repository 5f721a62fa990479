//! Connections that break, end by age, and change their certificates.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use token_broker_proto::client::{Client, SetupError, TlsFile, TlsFileProblem, TlsFiles};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::transport::Server;

use testkit::Authority;

use crate::support::{Answer, Files, Scripted, client, config, exchange, mutual_tls};

const FOR_EVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_unix_socket_is_reached_also_when_it_comes_late() {
    let files = Files::new();
    let path = files.path("broker.sock");
    let client = client(&format!("unix:{}", path.display()));
    let error = exchange(&client).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("broker.sock"), "{error}");

    let broker = Scripted::new(|_| Answer::Token);
    broker.serve_socket(&path);
    exchange(&client).await.unwrap();
}

/// Passes connections on to `target`; the first `failures` ones only until the request has arrived.
async fn breaking(target: String, failures: usize, broker: Scripted) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let mut server = TcpStream::connect(&target).await.unwrap();
            let broker = broker.clone();
            tokio::spawn(async move {
                let passing = copy_bidirectional(&mut caller, &mut server);
                if number > failures {
                    let _ended = passing.await;
                    return;
                }
                let arrived = async {
                    while broker.asked().len() < number {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                tokio::select! { _ = passing => {} () = arrived => {} }
                // A reset, as of a process that was killed.
                caller.set_zero_linger().unwrap();
            });
        }
    });
    (address, accepted)
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_is_made_again() {
    let broker = Scripted::new(|call| if call <= 2 { Answer::Never } else { Answer::Token });
    let target = broker.serve_with(Server::builder()).await;
    let (address, accepted) = breaking(target, 2, broker.clone()).await;

    exchange(&client(&address)).await.unwrap();

    assert_eq!(accepted.load(Ordering::SeqCst), 3);
    assert_eq!(broker.asked().len(), 3);
}

#[tokio::test]
async fn connections_that_end_by_age_cost_no_call() {
    let broker = Scripted::new(|_| Answer::Token);
    let age = Duration::from_millis(20);
    let address = broker.serve_with(Server::builder().max_connection_age(age)).await;
    let client = client(&format!("http://{address}"));
    let until = Instant::now() + Duration::from_secs(2);
    let callers = (0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut calls = 0;
            while Instant::now() < until {
                exchange(&client).await.unwrap();
                calls += 1;
            }
            calls
        })
    });
    let mut calls = 0;
    for caller in callers.collect::<Vec<_>>() {
        calls += caller.await.unwrap();
    }
    assert!(calls > 100, "{calls}");
}

#[tokio::test]
async fn a_rotated_certificate_is_shown_at_the_next_connection() {
    let (servers, callers) = (Authority::new(), Authority::new());
    let broker = Scripted::new(|_| Answer::Token);
    let age = Duration::from_millis(50);
    let address = broker.serve_with(mutual_tls(&servers, &callers, age)).await;
    let files = Files::new();
    files.write("ca.crt", &servers.pem());
    let old = callers.issue("old.internal");
    files.identity(&old);
    let address = format!("https://{}", address.replace("127.0.0.1", "localhost"));
    let client = Client::new(config(&address).with_tls(files.tls())).unwrap();

    exchange(&client).await.unwrap();
    assert_eq!(broker.asked()[0].shown.as_ref(), Some(&old.der));

    // Half a rotation: the new certificate with the old key. The last pair serves on.
    let new = callers.issue("new.internal");
    files.write("tls.crt", &new.certificate);
    let until = Instant::now() + 6 * age;
    while Instant::now() < until {
        exchange(&client).await.unwrap();
    }
    assert!(broker.asked().iter().all(|asked| asked.shown.as_ref() == Some(&old.der)));

    files.write("tls.key", &new.key);
    let limit = Instant::now() + Duration::from_secs(10);
    while broker.asked().last().unwrap().shown.as_ref() != Some(&new.der) {
        assert!(Instant::now() < limit, "the new certificate was never shown");
        exchange(&client).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_authority_of_the_broker_is_believed_at_the_next_connection_and_no_other_is() {
    let (first, second, callers) = (Authority::new(), Authority::new(), Authority::new());
    let broker = Scripted::new(|_| Answer::Token);
    let address = broker.serve_with(mutual_tls(&second, &callers, FOR_EVER)).await;
    let files = Files::new();
    files.write("ca.crt", &first.pem());
    files.identity(&callers.issue("me.internal"));
    let address = format!("https://{}", address.replace("127.0.0.1", "localhost"));
    let client = Client::new(config(&address).with_tls(files.tls())).unwrap();

    let error = exchange(&client).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("certificate"), "{error}");
    assert!(broker.asked().is_empty(), "no assertion left the client");

    files.write("ca.crt", &second.pem());
    exchange(&client).await.unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (servers, callers) = (Authority::new(), Authority::new());
    let broker = Scripted::new(|_| Answer::Token);
    let address = broker.serve_with(mutual_tls(&servers, &callers, FOR_EVER)).await;
    let files = Files::new();
    files.write("ca.crt", &servers.pem());
    files.identity(&callers.issue("me.internal"));
    // The certificate is for `localhost`, not for 127.0.0.1.
    let client = Client::new(config(&format!("https://{address}")).with_tls(files.tls())).unwrap();

    let error = exchange(&client).await.unwrap_err();

    assert!(error.message().contains("not valid for name"), "{error}");
    assert!(broker.asked().is_empty());
}

#[tokio::test]
async fn who_shows_no_certificate_is_not_let_in() {
    let (servers, callers) = (Authority::new(), Authority::new());
    let broker = Scripted::new(|_| Answer::Token);
    let address = broker.serve_with(mutual_tls(&servers, &callers, FOR_EVER)).await;
    let files = Files::new();
    files.write("ca.crt", &servers.pem());
    let address = format!("https://{}", address.replace("127.0.0.1", "localhost"));
    let client = Client::new(config(&address).with_tls(TlsFiles::new(files.path("ca.crt")))).unwrap();
    let error = exchange(&client).await.unwrap_err();
    assert_eq!((error.reason(), broker.asked().len()), (None, 0), "{error}");
    assert!(error.message().contains("CertificateRequired"), "it is told why: {error}");
}

#[tokio::test]
async fn what_cannot_work_is_noticed_at_the_start_and_named() {
    let authority = Authority::new();
    let files = Files::new();
    let start = || {
        let config = config("https://localhost:1").with_tls(files.tls());
        match Client::new(config).unwrap_err() {
            SetupError::TlsFile(error) => error,
            other => panic!("{other}"),
        }
    };
    let error = start();
    assert!(
        matches!((error.file, &error.problem), (TlsFile::Authority, TlsFileProblem::Unreadable(_))),
        "{error}"
    );
    assert!(error.to_string().contains("ca.crt"), "{error}");

    files.write("ca.crt", "no PEM");
    assert!(matches!(start().problem, TlsFileProblem::NoPem));

    files.write("ca.crt", &authority.pem());
    let issued = authority.issue("me.internal");
    files.write("tls.crt", &issued.certificate);
    files.write("tls.key", &authority.issue("other.internal").key);
    let error = start();
    assert!(matches!((error.file, &error.problem), (TlsFile::Key, TlsFileProblem::Unusable(_))), "{error}");

    files.write("tls.key", &"x".repeat(1024 * 1024 + 1));
    assert!(matches!(start().problem, TlsFileProblem::TooLarge));

    files.write("tls.key", &issued.key);
    assert!(Client::new(config("https://localhost:1").with_tls(files.tls())).is_ok());

    assert!(matches!(Client::new(config("https://localhost:1")), Err(SetupError::NoTlsFiles)));
    let plain = config("http://127.0.0.1:1").with_tls(files.tls());
    assert!(matches!(Client::new(plain), Err(SetupError::TlsFilesUnused)));
}
