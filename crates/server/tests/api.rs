//! The API as its table has it: every endpoint is listed, described, and closed to whoever it is not for; a call with a name
//! is done once; what was done is on record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::event::Body;
use deed::signer::SignStatement;
use serde_json::{Value, json};
use server::http::endpoint::{Twice, Who};
use server::http::{ENDPOINTS, IDEMPOTENCY_KEY, REPLAYED, description, reader_token};
use server::tokens::{Role, SCOPES, TokenFile, TokenRow};
use server::{Committer, Tokens};
use std::collections::BTreeSet;
use std::path::Path;

const NUMBER: &str = "8613800138000";

/// A node with its door open, and somebody of every kind.
struct Open {
    door: Door,
    _runtime: tokio::runtime::Runtime,
    committer: Option<Committer>,
    stage: Stage,
}

#[derive(Clone)]
struct Door {
    url: String,
    agent: ureq::Agent,
}

fn row(name: &str, role: Role, scopes: &[&str]) -> TokenRow {
    let scopes = scopes.iter().map(|scope| (*scope).to_string()).collect();
    let sha256 = hex::encode(keys::digest::sha256(&[format!("token of {name}").as_bytes()]));
    TokenRow { name: name.into(), role, scopes, made: 1, sha256 }
}

fn open(stage: Stage) -> Open {
    let mut stage = stage;
    let rows = vec![
        row("ann", Role::Clerk, &[]),
        row("sue", Role::Supervisor, &[]),
        row("aud", Role::Auditor, &[]),
        row("bur", Role::Bureau, &[]),
        row("messages", Role::Machine, &["messages"]),
        row("sim-swap", Role::Machine, &["sim-swap"]),
        row("who-agreed", Role::Machine, &["who-agreed"]),
    ];
    let path = stage.path("tokens.toml");
    std::fs::write(&path, TokenFile { tokens: rows }.to_text().unwrap()).unwrap();
    let committer = Committer::start(stage.node.take().unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tokens = Tokens::first("desk", "bureau", "bank").with_file(&path);
    let router = server::http::router_for(committer.handle(), tokens);
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    Open {
        door: Door { url: format!("http://{address}"), agent },
        _runtime: runtime,
        committer: Some(committer),
        stage,
    }
}

impl Door {
    fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        key: Option<&str>,
        body: &Value,
    ) -> (u16, bool, Value) {
        let url = format!("{}{path}", self.url);
        let response = match method {
            "GET" => self.agent.get(url).header("authorization", format!("Bearer {token}")).call(),
            _ => {
                let request = self.agent.post(url).header("authorization", format!("Bearer {token}"));
                let request = key.into_iter().fold(request, |r, key| r.header(IDEMPOTENCY_KEY, key));
                request.send_json(body)
            }
        };
        let mut response = response.unwrap();
        let replayed = response.headers().contains_key(REPLAYED);
        let status = response.status().as_u16();
        // A line that stays open is not read to its end.
        if path.ends_with("/live") && status == 200 {
            return (status, replayed, Value::Null);
        }
        let said = response.body_mut().read_to_vec().unwrap();
        (status, replayed, serde_json::from_slice(&said).unwrap_or(Value::Null))
    }
}

impl std::ops::Deref for Open {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Open {
    fn audit(&self, token: &str) -> Vec<Value> {
        let (status, _, rows) = self.call("GET", "/v1/audit", token, None, &Value::Null);
        assert_eq!(status, 200);
        rows.as_array().unwrap().clone()
    }

    /// The node stops and starts again, its door with it.
    fn again(mut self) -> Self {
        drop(self.committer.take());
        self.stage.start();
        open(self.stage)
    }
}

fn place(path: &str) -> String {
    path.replace("{number}", NUMBER)
        .replace("{imsi}", "999700000000001")
        .replace("{code}", "c0de")
        .replace("{*rest}", "checkpoint")
}

#[test]
fn every_endpoint_is_in_the_committed_list_and_nothing_else_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/endpoints.txt");
    let lines: Vec<String> = ENDPOINTS.iter().map(server::http::endpoint::Endpoint::line).collect();
    if std::env::var_os("SIMWARD_WRITE_LIST").is_some() {
        std::fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert_eq!(committed.lines().collect::<Vec<_>>(), lines, "SIMWARD_WRITE_LIST=1 writes the list anew");
    let distinct: BTreeSet<_> = ENDPOINTS.iter().map(|e| (e.method, e.path)).collect();
    assert_eq!(distinct.len(), ENDPOINTS.len());
}

#[test]
fn the_description_has_every_endpoint_with_bodies_that_are_there() {
    let description = description();
    let schemas = description["components"]["schemas"].as_object().unwrap();
    for endpoint in ENDPOINTS {
        let operation = &description["paths"][endpoint.path][endpoint.method.to_lowercase()];
        assert!(operation["responses"]["200"].is_object(), "{}", endpoint.path);
        assert_eq!(operation["requestBody"].is_object(), endpoint.method == "POST", "{}", endpoint.path);
        let open = matches!(endpoint.who, Who::Anybody | Who::Signature | Who::Code);
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), open, "{}", endpoint.path);
        assert_eq!(operation["responses"]["401"].is_null(), open, "{}", endpoint.path);
        assert_eq!(
            operation["responses"]["422"].is_object(),
            endpoint.twice == Twice::Key,
            "{}",
            endpoint.path
        );
    }
    let ids: BTreeSet<String> = ENDPOINTS
        .iter()
        .map(|e| description["paths"][e.path][e.method.to_lowercase()]["operationId"].to_string())
        .collect();
    assert_eq!(ids.len(), ENDPOINTS.len());
    let text = description.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    serde_json::from_value::<utoipa::openapi::OpenApi>(description).unwrap();
}

#[test]
fn no_endpoint_opens_without_the_credentials_it_asks_for_nor_with_any_other() {
    let mut stage = Stage::in_memory();
    stage.issue(NUMBER, 1);
    stage.issue("8613900139000", 11);
    let open = open(stage);
    let holder = reader_token(&keys::Secret::new([1 ^ 0x80; 32]));
    let other = reader_token(&keys::Secret::new([11 ^ 0x80; 32]));
    let callers: Vec<(&str, Option<Role>, String)> = [
        ("ann", Role::Clerk),
        ("sue", Role::Supervisor),
        ("aud", Role::Auditor),
        ("bur", Role::Bureau),
        ("messages", Role::Machine),
        ("sim-swap", Role::Machine),
        ("who-agreed", Role::Machine),
    ]
    .into_iter()
    .map(|(name, role)| (name, Some(role), format!("token of {name}")))
    .chain([
        ("desk", Some(Role::Supervisor), "desk".into()),
        ("nobody", None, String::new()),
        ("a guess", None, "00".repeat(32)),
        ("a digest", None, hex::encode(keys::digest::sha256(&[b"token of ann"]))),
        ("another number's holder", None, other),
        ("the holder", None, holder),
    ])
    .collect();
    for endpoint in ENDPOINTS {
        for (name, role, token) in &callers {
            let (status, _, said) =
                open.call(endpoint.method, &place(endpoint.path), token, None, &json!({}));
            let may = match endpoint.who {
                Who::Anybody | Who::Signature | Who::Code => true,
                Who::Holder => *name == "the holder",
                Who::Roles(roles) => role.is_some_and(|role| roles.contains(&role)),
                Who::RolesOrHolder(roles) => {
                    *name == "the holder" || role.is_some_and(|role| roles.contains(&role))
                }
                Who::Machine(scope) => *name == scope,
            };
            let line = format!("{} as {name}: {status} {said}", endpoint.line());
            if may {
                assert_ne!(status, 401, "{line}");
                assert!(status < 500, "{line}");
                let signed =
                    matches!(endpoint.who, Who::Signature | Who::Code) || endpoint.path == "/v1/tips";
                assert!(!signed || status >= 400, "nothing was signed: {line}");
            } else {
                assert_eq!(status, 401, "{line}");
                assert!(said["code"].is_string() && said["message"].is_string(), "{line}");
            }
        }
    }
}

#[test]
fn the_helpdesks_interface_contains_no_weakening_verb() {
    // All that a clerk does, beside reading. A request is a question: without a key of the owner's nothing comes of it.
    let does: BTreeSet<_> = ENDPOINTS
        .iter()
        .filter(|e| e.method == "POST" && matches!(e.who, Who::Roles(roles) | Who::RolesOrHolder(roles) if roles.contains(&Role::Clerk)))
        .map(|e| e.path)
        .collect();
    let expected =
        ["/v1/invitations", "/v1/numbers", "/v1/numbers/{number}/card", "/v1/numbers/{number}/requests"];
    assert_eq!(does, BTreeSet::from(expected));
    let auditor: Vec<_> = ENDPOINTS
        .iter()
        .filter(|e| matches!(e.who, Who::Roles(roles) | Who::RolesOrHolder(roles) if roles.contains(&Role::Auditor)))
        .collect();
    assert!(auditor.iter().all(|e| e.method == "GET" && !e.path.contains("{number}")));
    for scope in SCOPES {
        assert!(ENDPOINTS.iter().any(|e| e.who == Who::Machine(scope)), "{scope}");
    }
}

#[test]
fn what_somebody_else_signed_is_nobodys_word() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue(NUMBER, 1);
    let mut thief = stage.issue("8613900139000", 11);
    let body = Body::Held { bits: vec![0], silenced: vec![], reason: 1 };
    let (deed_id, tip) = stage.tip(&owner.number);
    let good = owner.passkey.object(&deed_id, tip, &body);
    let mut forged = good.clone();
    forged.proof.evidence = thief.passkey.prove(&deed_id, tip, &body).evidence;
    let stranger = thief.passkey.object(&deed_id, tip, &body);
    let open = open(stage);
    for bad in [forged, stranger] {
        let objection = json!({ "objection": hex::encode(bad.encode()) });
        assert_eq!(open.call("POST", "/v1/objections", "desk", None, &objection).0, 403);
        let proofs = vec![hex::encode(bad.proof.encode())];
        let statement = json!({ "type": 6, "body": hex::encode(body.encode()), "proofs": proofs });
        let path = format!("/v1/numbers/{NUMBER}/statements");
        assert_eq!(open.call("POST", &path, "desk", None, &statement).0, 403);
    }
    let objection = json!({ "objection": hex::encode(good.encode()) });
    let (status, _, receipt) = open.call("POST", "/v1/objections", "", Some("o"), &objection);
    assert_eq!(status, 200);
    assert_eq!(open.call("POST", "/v1/objections", "", Some("o"), &objection), (200, true, receipt));
}

/// A statement of the owner's, as it goes over the wire.
fn hold(stage: &mut Stage, owner: &mut Owner, bit: u64) -> Value {
    let body = Body::Held { bits: vec![bit], silenced: vec![], reason: 1 };
    let (deed_id, tip) = stage.tip(&owner.number);
    let proof = owner.passkey.prove(&deed_id, tip, &body);
    json!({ "type": 6, "body": hex::encode(body.encode()), "proofs": [hex::encode(proof.encode())] })
}

#[test]
fn a_call_with_a_name_is_done_once_and_answered_the_same_after_a_restart() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue(NUMBER, 1);
    let (first, second) = (hold(&mut stage, &mut owner, 0), hold(&mut stage, &mut owner, 1));
    let open = open(stage);
    let path = format!("/v1/numbers/{NUMBER}/statements");
    for bad in ["", "a b", &"x".repeat(65)] {
        assert_eq!(open.call("POST", &path, "", Some(bad), &first).0, 400, "{bad:?}");
    }
    let (status, replayed, said) = open.call("POST", &path, "", Some("k1"), &first);
    assert_eq!((status, replayed), (200, false), "{said}");
    assert_eq!(open.call("POST", &path, "", Some("k1"), &first), (200, true, said.clone()));
    assert_eq!(open.call("POST", &path, "", Some("k1"), &second).0, 422);
    // Without the name it is a second statement, and refused; under another name too.
    assert_ne!(open.call("POST", &path, "", None, &first).0, 200);
    assert_ne!(open.call("POST", &path, "", Some("k2"), &first).0, 200);
    let open = open.again();
    assert_eq!(open.call("POST", &path, "", Some("k1"), &first), (200, true, said.clone()));

    // The power went after the change and before anything else was written: the answer rode with the change.
    let open = {
        let mut open = open;
        drop(open.committer.take());
        let database = rusqlite::Connection::open(open.stage.path("operator.db")).unwrap();
        let events: i64 = database.query_row("SELECT count(*) FROM events", [], |r| r.get(0)).unwrap();
        assert_eq!(events, 2, "issued and held, once each");
        drop(database);
        open.stage.start();
        self::open(open.stage)
    };
    assert_eq!(open.call("POST", &path, "", Some("k1"), &first).2, said);
    // A day later it is a new call, and as such refused.
    open.stage.clock.0.fetch_add(DAY + 1, std::sync::atomic::Ordering::SeqCst);
    assert!(!open.call("POST", &path, "", Some("k1"), &first).1);
}

#[test]
fn an_answer_is_durable_with_the_change_that_it_answers() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue(NUMBER, 1);
    let first = hold(&mut stage, &mut owner, 0);
    // Whatever is written after the change is lost: the table takes one row of each call, the one that rides.
    stage.while_stopped(|stage| {
        let sql = "DROP TABLE once; CREATE TABLE once (name BLOB PRIMARY KEY, digest BLOB NOT NULL, at INTEGER NOT NULL,
                   answer BLOB NOT NULL CHECK (length(answer) > 0)) STRICT;";
        stage.sql("operator.db", sql);
    });
    let open = open(stage);
    let path = format!("/v1/numbers/{NUMBER}/statements");
    let (status, _, said) = open.call("POST", &path, "", Some("k1"), &first);
    assert_eq!(status, 200, "{said}");
    drop(open.committer);
    let database = rusqlite::Connection::open(open.stage.path("operator.db")).unwrap();
    let kept: i64 = database.query_row("SELECT count(*) FROM once", [], |r| r.get(0)).unwrap();
    assert_eq!(
        kept, 1,
        "a row without its answer is refused by this table, and the change would be refused with it"
    );
}

#[test]
fn of_two_calls_with_one_name_at_once_one_is_done() {
    let mut stage = Stage::in_memory();
    stage.issue(NUMBER, 1);
    let open = open(stage);
    let body = json!({ "number": "8613700137000", "card": "80" });
    // Refused calls are not kept: the same name may be used again.
    assert_eq!(open.call("POST", "/v1/invitations", "desk", Some("k"), &body).0, 400);
    assert_eq!(open.call("POST", "/v1/invitations", "desk", Some("k"), &body).0, 400);
    let drawn: Vec<(u16, bool, Value)> = std::thread::scope(|scope| {
        let door = &open.door;
        let ask = || door.call("POST", "/v1/cards", "bureau", Some("one"), &json!({}));
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(drawn.iter().filter(|(status, ..)| *status == 200).count(), 1, "{drawn:?}");
    assert!(drawn.iter().all(|(status, ..)| matches!(status, 200 | 409)), "{drawn:?}");
    // Keys are told once, and never kept.
    let (status, _, said) = open.call("POST", "/v1/cards", "bureau", Some("one"), &json!({}));
    assert_eq!(status, 409, "{said}");
    // One caller's name for a call is not another's.
    let message = json!({ "to": format!("+{NUMBER}"), "from": "Bank", "text": "123456" });
    let post = |token: &str| open.call("POST", "/v1/messages", token, Some("m"), &message);
    assert_eq!((post("bank").0, post("bank").1), (200, true));
    assert!(!post("token of messages").1);
    let database = rusqlite::Connection::open(open.stage.path("operator.db")).unwrap();
    let waiting: i64 =
        database.query_row("SELECT count(*) FROM records WHERE stream = 3", [], |r| r.get(0)).unwrap();
    assert_eq!(waiting, 2);
}

#[test]
fn what_was_done_with_a_token_is_on_record_with_what_it_did() {
    let mut stage = Stage::in_memory();
    stage.issue(NUMBER, 1);
    let open = open(stage);
    let read = |token: &str| open.call("GET", &format!("/v1/numbers/{NUMBER}"), token, None, &Value::Null).0;
    assert_eq!((read("token of ann"), read("token of aud"), read("")), (200, 401, 401));
    assert_eq!(open.call("POST", "/v1/cards", "bureau", None, &json!({})).0, 200);
    let message = json!({ "to": format!("+{NUMBER}"), "from": "Bank", "text": "123456" });
    assert_eq!(open.call("POST", "/v1/messages", "bank", None, &message).0, 200);
    let rows = open.audit("token of aud");
    let said: Vec<String> = rows
        .iter()
        .rev()
        .map(|row| {
            format!("{} {} {} {}", row["who"], row["what"], row["about"], row["outcome"]).replace('"', "")
        })
        .collect();
    let tail = NUMBER.get(NUMBER.len() - 4..).unwrap();
    assert_eq!(
        said,
        [
            format!("ann GET /v1/numbers/{{number}} …{tail} done"),
            format!("aud GET /v1/numbers/{{number}} …{tail} unauthenticated"),
            "bureau POST /v1/cards  done".into(),
            format!("bank POST /v1/messages …{tail} done"),
        ]
    );
    assert!(!Value::from(rows).to_string().contains(NUMBER));
    // A supervisor sees what desks did; a clerk sees nothing of it.
    let desks: BTreeSet<String> =
        open.audit("token of sue").iter().map(|row| row["role"].to_string()).collect();
    assert_eq!(desks, BTreeSet::from(["\"clerk\"".to_string()]));
    assert_eq!(open.call("GET", "/v1/audit", "token of ann", None, &Value::Null).0, 401);

    // The row and what it tells of are written together: where there is no place for the one, the other is not done.
    let mut open = open;
    drop(open.committer.take());
    let sql = "DROP TABLE audit; CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER, who TEXT, role TEXT, what TEXT,
               about TEXT, outcome TEXT, CHECK (0)) STRICT;";
    open.stage.sql("operator.db", sql);
    let cards = |open: &Open| -> i64 {
        let database = rusqlite::Connection::open(open.stage.path("operator.db")).unwrap();
        database.query_row("SELECT count(*) FROM cards", [], |r| r.get(0)).unwrap()
    };
    let before = cards(&open);
    open.stage.start();
    let open = self::open(open.stage);
    open.call("POST", "/v1/cards", "bureau", None, &json!({}));
    assert_eq!(cards(&open), before);
}
