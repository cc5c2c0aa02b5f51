//! What was done at this door, for those who answer for it. It has a number's tail and no more.

use super::gate::Admitted;
use super::{Failure, Shared};
use crate::tokens::Role;
use crate::view::AuditView;
use axum::extract::State;
use axum::{Extension, Json};

pub(super) async fn read(
    State(door): Shared,
    Extension(admitted): Extension<Admitted>,
) -> Result<Json<Vec<AuditView>>, Failure> {
    let all = matches!(admitted, Admitted::Caller(caller) if caller.role == Role::Auditor);
    Ok(Json(door.node.run(move |node| node.audit_rows(!all)).await?))
}
