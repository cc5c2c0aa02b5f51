//! The API's description (OpenAPI 3.1), made from the table of endpoints and the types of their bodies.

use super::endpoint::{Endpoint, Schemas, Twice, Who, json};
use super::table::ENDPOINTS;
use crate::view::ErrorView;
use axum::Json;
use serde_json::{Map, Value, json as value};

/// What an endpoint may answer beside 200, and when.
const REFUSALS: [(&str, &str); 7] = [
    ("400", "What was sent is not what it claims to be."),
    ("401", "Not for whoever called."),
    ("403", "Understood, and the rules say no."),
    ("404", "There is no such thing here."),
    ("409", "At the wrong moment; or a call with this idempotency key is under way."),
    ("429", "Too often."),
    ("503", "The operator's system failed; look whether it was done before trying again."),
];

/// The description.
pub fn description() -> Value {
    let mut schemas: Schemas = Vec::new();
    let refusal = json::<ErrorView>(&mut schemas);
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let operation = operation(endpoint, &refusal, &mut schemas);
        let item = paths.entry(endpoint.path).or_insert_with(|| value!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(endpoint.method.to_lowercase(), operation);
        }
    }
    let schemas: Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    value!({
        "openapi": "3.1.0",
        "info": {
            "title": "Simward",
            "description": "Bytes are lower-case hexadecimal. Every deployment of this version is a test deployment.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": schemes() },
    })
}

fn schemes() -> Value {
    let bearer = |about: &str| value!({ "type": "http", "scheme": "bearer", "description": about });
    value!({
        "holder": bearer("Derived from the number's watch key: HMAC-SHA-256(watch key, simward.reader.1), in hexadecimal."),
        "clerk": bearer("A desk's token (`simward token new --role clerk`)."),
        "supervisor": bearer("DIR/keys/desk.token, or a named one."),
        "auditor": bearer("A named token that only reads."),
        "bureau": bearer("DIR/keys/bureau.token, or a named one."),
        "machine": bearer("DIR/keys/bank.token, or a named one with scopes."),
    })
}

fn operation(endpoint: &Endpoint, refusal: &Value, schemas: &mut Schemas) -> Value {
    let (content_type, form) = endpoint.answer;
    let mut responses = Map::new();
    responses.insert(
        "200".into(),
        value!({ "description": "Done.", "content": { content_type: { "schema": form(schemas) } } }),
    );
    let error = |about: &str| value!({ "description": about, "content": { "application/json": { "schema": refusal } } });
    for (status, about) in REFUSALS {
        let never = status == "401" && matches!(endpoint.who, Who::Anybody | Who::Signature | Who::Code);
        if !never {
            responses.insert(status.into(), error(about));
        }
    }
    let mut parameters: Vec<Value> = names(endpoint.path)
        .map(|name| value!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if endpoint.twice == Twice::Key {
        responses.insert("422".into(), error("This idempotency key was used for another body."));
        parameters.push(value!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Names the call for 24 hours: the same call again gets the same answer.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 64 },
        }));
    }
    let mut operation = value!({
        "operationId": name(endpoint),
        "summary": endpoint.about,
        "parameters": parameters,
        "responses": responses,
        "security": security(endpoint.who),
        "x-who": endpoint.who.words(),
    });
    if let (Some(form), Some(operation)) = (endpoint.body, operation.as_object_mut()) {
        let body =
            value!({ "required": true, "content": { "application/json": { "schema": form(schemas) } } });
        operation.insert("requestBody".into(), body);
    }
    operation
}

fn security(who: Who) -> Value {
    let of = |names: Vec<&str>| names.into_iter().map(|name| value!({ name: [] })).collect::<Vec<_>>();
    match who {
        Who::Anybody | Who::Signature | Who::Code => value!([]),
        Who::Holder => value!([{ "holder": [] }]),
        Who::Roles(roles) => of(roles.iter().map(|role| role.name()).collect()).into(),
        Who::RolesOrHolder(roles) => {
            of(roles.iter().map(|role| role.name()).chain(["holder"]).collect()).into()
        }
        Who::Machine(scope) => value!([{ "machine": [scope] }]),
    }
}

/// What varies in a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

fn name(endpoint: &Endpoint) -> String {
    let path = endpoint.path.replace(['{', '}', '*'], "");
    let words = path.split(['/', '-', '.']).filter(|word| !word.is_empty());
    words.fold(endpoint.method.to_lowercase(), |name, word| format!("{name}_{word}"))
}

pub(super) async fn serve() -> Json<Value> {
    Json(description())
}
