//! What an endpoint is: its place, who may call it, what it takes and gives. Router, description and list are made from it.

use crate::bank::Bank;
use crate::http::Door;
use crate::tokens::Role;
use axum::routing::MethodRouter;
use operator::log::PublicLog;
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// Who may call an endpoint. There is no default: whoever adds one says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody: it is public.
    Anybody,
    /// Anybody: what is handed in carries the signatures that count.
    Signature,
    /// Whoever has the code in its path.
    Code,
    /// Whoever has the number's watch key.
    Holder,
    /// These roles.
    Roles(&'static [Role]),
    /// These roles, and whoever has the number's watch key.
    RolesOrHolder(&'static [Role]),
    /// A machine whose token has this scope.
    Machine(&'static str),
}

impl Who {
    /// Whether a role is let in, with any scope.
    pub fn admits(&self, role: Role) -> bool {
        match self {
            Self::Anybody | Self::Signature | Self::Code => true,
            Self::Holder => false,
            Self::Roles(roles) | Self::RolesOrHolder(roles) => roles.contains(&role),
            Self::Machine(_) => role == Role::Machine,
        }
    }

    /// In words, as the list has it.
    pub fn words(&self) -> String {
        let names = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ");
        match self {
            Self::Anybody => "anybody".into(),
            Self::Signature => "anybody, with signatures".into(),
            Self::Code => "anybody, with the code".into(),
            Self::Holder => "holder".into(),
            Self::Roles(roles) => names(roles),
            Self::RolesOrHolder(roles) => format!("{} holder", names(roles)),
            Self::Machine(scope) => format!("machine:{scope}"),
        }
    }
}

/// What happens if the same call comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    /// It only reads.
    Reads,
    /// With one `Idempotency-Key`, the same answer; nothing is done again.
    Key,
}

/// The state that a handler has.
pub(crate) enum Handler {
    Door(fn() -> MethodRouter<Arc<Door>>),
    Bank(fn() -> MethodRouter<Arc<Bank>>),
    Log(fn() -> MethodRouter<PublicLog>),
}

pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A body's form, and a place for the forms it refers to.
pub(crate) type Form = fn(&mut Schemas) -> Value;

/// The form of a type.
pub(crate) fn json<T: ToSchema>(schemas: &mut Schemas) -> Value {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    serde_json::json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
}

/// A list of a type's.
pub(crate) fn list<T: ToSchema>(schemas: &mut Schemas) -> Value {
    serde_json::json!({ "type": "array", "items": json::<T>(schemas) })
}

/// Anything in JSON.
pub(crate) fn any(_: &mut Schemas) -> Value {
    serde_json::json!({ "type": "object" })
}

/// What is no JSON.
pub(crate) fn text(_: &mut Schemas) -> Value {
    serde_json::json!({ "type": "string" })
}

/// An endpoint.
pub struct Endpoint {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// With `{…}` for what varies.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// What happens if the same call comes twice.
    pub twice: Twice,
    /// Whether the move page's host has it too, where no role speaks.
    pub for_owners: bool,
    /// In one line.
    pub about: &'static str,
    pub(crate) body: Option<Form>,
    /// Content type and form of what it answers.
    pub(crate) answer: (&'static str, Form),
    pub(crate) handler: Handler,
}

impl Endpoint {
    /// Whether it is CAMARA's, whose errors have another form.
    pub(crate) const fn is_camara(&self) -> bool {
        matches!(self.who, Who::Machine(_))
    }

    /// Its line in the list.
    pub fn line(&self) -> String {
        let twice = match self.twice {
            Twice::Reads => "reads",
            Twice::Key => "idempotency key",
        };
        format!("{:<4}  {:<44}  {:<26}  {twice}", self.method, self.path, self.who.words()).trim_end().into()
    }
}
