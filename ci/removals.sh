# What ci/removed.sh takes out: without ROW FILE FROM TO. FROM, to the letter, becomes TO.

without 0 crates/server/src/http/table.rs '"/v1/invitations",
        Roles(DESKS),' '"/v1/invitations-gone",
        Roles(DESKS),'
without 1 crates/card/src/reference.rs 'Linear(ADN_RECORD), PinPin' 'Linear(ADN_RECORD), AlwaysAdm'
without 2 crates/card/src/ota.rs 'head.kic != AES_KEY_SET_1
        || head.kid != AES_KEY_SET_1
        || ' ''
without 3 crates/talk/src/identity.rs ' || !verifier.es256(card, &statement, &self.signature)' ''
without 4 crates/card/src/pin.rs 'live.commit(&[Change::Tries(which, left)], rng)?;' ''
without 5 crates/card/src/ota.rs 'opened.counter <= ota.counter' 'opened.counter < 1'
without 6 crates/deed/src/pin.rs 'if self.suspended() {
            return Serve::EmergencyOnly' 'if self.suspended() && now.0 == 0 {
            return Serve::EmergencyOnly'
without 7 crates/server/src/node/radio.rs 'let told = told.iter().map(|entry| self.entry(number, entry)).collect();
        if let Err(refusal) = self.write_door(told) {
            tracing::error!(%refusal, "an attach' 'drop(told);
        if let Err(refusal) = self.write_door(vec![]) {
            tracing::error!(%refusal, "an attach'
without 8 crates/simward/src/card/folder/mod.rs 'if !lock.is_tampering() {' 'if !lock.is_tampering() || now.0 > 0 {'
without 9 crates/operator/src/message.rs 'Some(until) if application => Route::HeldUntil(until),' ''
without 10 crates/simward/src/release/manifest.rs 'manifest.serial < seen.serial' 'manifest.serial < 1'
without 10 crates/operator/src/link.rs 'if seen == known {' 'if seen.is_empty() {'
without 10 crates/operator/src/password.rs 'different.len() < 5 ||' 'different.len() < 5 &&'
without 11 crates/operator/src/keep/rule.rs '.unwrap_or(&self.unknown)' '.unwrap_or(&self.known[0])'
