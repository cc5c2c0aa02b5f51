//! The doors: bad input, wrong callers, two processes, a full disk. Each a clear answer, nothing lost, no panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use server::{Committer, Deployment, Node, StartError, SystemClock, TestWaits};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct Running {
    folder: tempfile::TempDir,
    url: String,
    desk: String,
    agent: ureq::Agent,
    _runtime: tokio::runtime::Runtime,
    _committer: Committer,
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(4)
}

fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::open(&folder.path().join("node"), TestWaits::Real, &mut rng()).unwrap();
    let (desk, bureau) = (deployment.desk_token.clone(), deployment.bureau_token.clone());
    let node = Node::start(deployment, Arc::new(SystemClock), Arc::new(SystemClock), rng()).unwrap();
    let committer = Committer::start(node).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let router = server::http::router(committer.handle(), &desk, &bureau, &"ee".repeat(32));
    let (path, handle) = (folder.path().join("gw"), committer.handle());
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let socket = server::gateway::bind(&path).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::spawn(server::gateway::serve(socket, handle));
        address
    });
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let (agent, url) = (config.into(), format!("http://{address}"));
    Running { folder, url, desk, agent, _runtime: runtime, _committer: committer }
}

impl Running {
    fn post(&self, path: &str, token: &str, body: &[u8]) -> (u16, String) {
        let mut response = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .send(body)
            .unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let request =
            self.agent.get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        let mut response = request.call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }
}

#[test]
fn every_bad_request_gets_a_clear_answer_and_changes_nothing() {
    let node = start();
    let desk = node.desk.clone();
    let statements = "/v1/numbers/8613800138000/statements";
    let long = format!(r#"{{"type":2,"body":"{}","proofs":[]}}"#, "00".repeat(200_000));
    let cases: &[(&str, &str, &[u8], u16)] = &[
        (statements, "", b"", 400),
        (statements, "", b"{", 400),
        (statements, "", b"null", 400),
        (statements, "", br#"{"type":2,"body":"00","proofs":[],"more":1}"#, 400),
        (statements, "", br#"{"type":2,"body":"zz","proofs":[]}"#, 400),
        (statements, "", br#"{"type":2,"body":"00","proofs":["00"]}"#, 400),
        (statements, "", br#"{"type":7,"body":"80","proofs":[]}"#, 403),
        (statements, "", long.as_bytes(), 400),
        ("/v1/numbers/+8613800138000/statements", "", br#"{"type":2,"body":"00","proofs":[]}"#, 400),
        ("/v1/numbers/0/statements", "", br#"{"type":2,"body":"00","proofs":[]}"#, 400),
        ("/v1/objections", "", br#"{"objection":"80"}"#, 403),
        ("/v1/numbers", "", br#"{"type":0,"body":"80","proofs":[]}"#, 401),
        ("/v1/numbers", &desk, br#"{"type":0,"body":"80","proofs":[]}"#, 400),
        ("/v1/numbers/8613800138000/requests", "", br#"{"intent":"80"}"#, 401),
        ("/v1/numbers/8613800138000/requests", &desk, br#"{"intent":"80"}"#, 400),
        ("/v1/cards", "", br"{}", 401),
        ("/v1/cards", &desk, br"{}", 401),
        ("/v2/anything", &desk, br"{}", 404),
    ];
    for (path, token, body, status) in cases {
        let (got, text) = node.post(path, token, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(got, *status, "{path} {shown}: {text}");
        let error: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(error["code"].is_string() && error["message"].is_string(), "{text}");
    }
    for (path, token, status) in [
        ("/v1/numbers/8613800138000", "", 401),
        ("/v1/numbers/8613800138000", "guess", 401),
        ("/v1/numbers/8613800138000", desk.as_str(), 404),
        ("/v1/numbers/8613800138000/history", "", 401),
        ("/v1/resolve/8613800138000", desk.as_str(), 404),
        ("/v1/serve/12", desk.as_str(), 400),
        ("/v1/alarms", "", 401),
        ("/v1/manifest", "", 200),
    ] {
        assert_eq!(node.get(path, token).0, status, "{path}");
    }
    let database = rusqlite::Connection::open(node.folder.path().join("node/operator.db")).unwrap();
    let events: i64 = database.query_row("SELECT count(*) FROM events", [], |r| r.get(0)).unwrap();
    assert_eq!(events, 0);
}

#[test]
fn garbage_datagrams_are_dropped_and_strangers_fail() {
    let node = start();
    let socket = UnixDatagram::bind(node.folder.path().join("client")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let gateway = node.folder.path().join("gw");
    for garbage in [
        &b""[..],
        b"\xff\xff",
        b"AKA-REQ-AUTH",
        b"AKA-REQ-AUTH x",
        b"AKA-AUTS 999700000000000 00 00",
        &[b'A'; 4_000],
    ] {
        socket.send_to(garbage, &gateway).unwrap();
    }
    let mut buffer = [0; 256];
    for (ask, answer) in [
        ("AKA-REQ-AUTH 999700000000000", "AKA-RESP-AUTH 999700000000000 FAILURE"),
        ("SIM-REQ-AUTH 999700000000000 3", "SIM-RESP-AUTH 999700000000000 FAILURE"),
    ] {
        socket.send_to(ask.as_bytes(), &gateway).unwrap();
        let n = socket.recv(&mut buffer).unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..n]).unwrap(), answer);
    }
}

#[test]
fn a_folder_has_one_node() {
    let folder = tempfile::tempdir().unwrap();
    let first = Deployment::open(folder.path(), TestWaits::Real, &mut rng()).unwrap();
    let second = Deployment::open(folder.path(), TestWaits::Real, &mut rng());
    let Err(error @ StartError::InUse(_)) = second else { panic!("two nodes in one folder") };
    assert!(error.to_string().contains("in use by another simward process"), "{error}");
    drop(first);
    Deployment::open(folder.path(), TestWaits::Real, &mut rng()).unwrap();
}

#[test]
fn a_damaged_key_or_manifest_is_named_and_nothing_is_made_over_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(Deployment::open(folder.path(), TestWaits::Real, &mut rng()).unwrap());
    for file in ["keys/issuer.key", "auc/mac.key", "manifest", "witness/1.seen"] {
        let path = folder.path().join(file);
        let good = std::fs::read(&path).unwrap_or_default();
        std::fs::write(&path, b"half a fi").unwrap();
        let Err(error) = Deployment::open(folder.path(), TestWaits::Real, &mut rng()) else {
            panic!("{file}")
        };
        assert!(error.to_string().contains(file), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"half a fi", "nothing overwritten");
        if good.is_empty() {
            std::fs::remove_file(&path).unwrap();
        } else {
            std::fs::write(&path, good).unwrap();
        }
    }
    Deployment::open(folder.path(), TestWaits::Real, &mut rng()).unwrap();
}

#[test]
fn a_full_disk_is_an_error_and_nothing_half_written_counts() {
    use operator::store::{Changes, Key, Outcome, Row, Store, Write};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut store = store::Sqlite::open_with_page_limit(&path, 40).unwrap();
    let imsi: wire::Imsi = "999700000000001".parse().unwrap();
    store.commit(&[Changes(vec![Write::Sqn { imsi, next: 1 }])]).unwrap();
    let fill = |n: u8| Changes(vec![Write::Put(Key::Wait([n; 32]), Row::Bytes(vec![n; 20_000]))]);
    let mut written = 0;
    let full = loop {
        match store.commit(&[fill(written)]) {
            Ok(outcomes) => assert_eq!(outcomes, [Outcome::Done]),
            Err(broken) => break broken,
        }
        written += 1;
        assert!(written < 100, "the disk never filled");
    };
    assert!(full.0.contains("full"), "{full}");
    let wait = |store: &mut store::Sqlite, n| store.load(&[Key::Wait([n; 32])]).unwrap().pop().unwrap();
    assert!(wait(&mut store, written).is_none(), "nothing of the failed batch");
    assert!(wait(&mut store, written - 1).is_some());
    assert_eq!(store.reserve_sqn(&[(imsi, 1)]).unwrap(), [Some(1)], "a ledger needs no new page");
    drop(store);
    let mut again = store::Sqlite::open(&path, Duration::from_millis(200)).unwrap();
    again.commit(&[fill(written)]).unwrap();
    assert_eq!(again.reserve_sqn(&[(imsi, 1)]).unwrap(), [Some(2)]);
}

#[test]
fn a_socket_left_behind_is_replaced_and_a_living_one_is_not() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("gw");
    runtime.block_on(async {
        drop(server::gateway::bind(path).await.unwrap());
        let living = server::gateway::bind(path).await.unwrap();
        let error = server::gateway::bind(path).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        drop(living);
    });
}
