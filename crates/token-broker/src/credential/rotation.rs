//! A certificate that follows its file: which one signs, and the one before, for the time in which Entra ID does not
//! know the new one yet.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use identity::ClientId;
use identity::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use url::Url;
use watched::{WatchError, Watched};

use super::client_assertion::ClientAssertions;
use super::{Own, Proof, SigningCertificate, Unavailable, certificate};

/// How long the certificate before stays at hand after a swap. Entra ID's servers learn of a new one within minutes,
/// as a rule.
const FORMER_KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long the other certificate goes first after Entra ID took it and not the one in force: each try of the latter
/// costs a request.
const FORMER_FIRST_FOR: SignedDuration = SignedDuration::from_secs(30);

/// The certificate in force and the one before.
pub(super) struct Rotation {
    file: Arc<Watched<SigningCertificate>>,
    client_id: ClientId,
    token_endpoint: Url,
    signers: Mutex<Signers>,
}

struct Signers {
    /// What was last seen in the file.
    seen: Arc<SigningCertificate>,
    current: Arc<ClientAssertions>,
    former: Option<Former>,
}

struct Former {
    signer: Arc<ClientAssertions>,
    since: Timestamp,
    first_until: Option<Timestamp>,
}

impl Rotation {
    /// Reads the certificate, and its password if there is one.
    ///
    /// # Errors
    /// If there is no certificate that is valid now.
    pub(super) fn load(
        path: PathBuf,
        password_file: Option<PathBuf>,
        client_id: ClientId,
        token_endpoint: Url,
        clock: SharedClock,
    ) -> Result<Self, WatchError> {
        let paths = [path].into_iter().chain(password_file).collect();
        let file = Watched::load("client certificate", paths, move |contents| {
            let password = contents.get(1).map(|content| certificate::password(content)).transpose()?;
            Ok(SigningCertificate::parse(&contents[0], &password.unwrap_or_default(), clock.now())?)
        })?;
        let seen = file.current();
        log("client certificate loaded", &seen);
        let current = Arc::new(ClientAssertions::new(Arc::clone(&seen), client_id, token_endpoint.clone()));
        let signers = Mutex::new(Signers { seen, current, former: None });
        Ok(Self { file, client_id, token_endpoint, signers })
    }

    /// What follows the file.
    pub(super) fn file(&self) -> &Arc<Watched<SigningCertificate>> {
        &self.file
    }

    /// Takes over what the file holds by now; whether that is another certificate.
    pub(super) fn reload(&self, now: Timestamp) -> bool {
        self.take_over(&mut self.signers(), now)
    }

    /// Signs with the certificate that Entra ID is thought to know.
    ///
    /// # Errors
    /// If the key would not sign.
    pub(super) fn prove(&self, now: Timestamp) -> Result<Proof, Unavailable> {
        let signer = self.with(now, |signers| Arc::clone(signers.first(now)));
        proof(&signer, now)
    }

    /// Signs with the other certificate, after the one of `thumbprint` was refused as unknown. Nothing if there is no
    /// other, or it has ended.
    pub(super) fn prove_otherwise(&self, thumbprint: &str, now: Timestamp) -> Option<Proof> {
        let is_other = |signer: &&Arc<ClientAssertions>| {
            let certificate = signer.certificate();
            **certificate.thumbprint() != *thumbprint && certificate.is_valid_at(now)
        };
        let other = |signers: &mut Signers| {
            let former = signers.former.as_ref().map(|former| &former.signer);
            [Some(&signers.current), former].into_iter().flatten().find(is_other).cloned()
        };
        let other = self.with(now, other)?;
        proof(&other, now).ok()
    }

    /// Entra ID took the certificate of `thumbprint` after it had not known the other one: it goes first for a while.
    pub(super) fn prefer(&self, thumbprint: &str, now: Timestamp) {
        self.with(now, |signers| {
            if let Some(former) = &mut signers.former {
                let is_former = **former.signer.certificate().thumbprint() == *thumbprint;
                former.first_until = is_former.then(|| now.saturating_add(FORMER_FIRST_FOR).unwrap_or(now));
            }
        });
    }

    /// Whether there is a valid certificate.
    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.with(now, |signers| signers.first(now).certificate().is_valid_at(now))
    }

    /// The certificate in force.
    pub(super) fn current(&self) -> Arc<SigningCertificate> {
        self.file.current()
    }

    /// Works with the signers as the file has them now.
    fn with<T>(&self, now: Timestamp, work: impl FnOnce(&mut Signers) -> T) -> T {
        let mut signers = self.signers();
        self.take_over(&mut signers, now);
        work(&mut signers)
    }

    fn take_over(&self, signers: &mut Signers, now: Timestamp) -> bool {
        signers.take(self.file.current(), now, |certificate| {
            Arc::new(ClientAssertions::new(certificate, self.client_id, self.token_endpoint.clone()))
        })
    }

    fn signers(&self) -> MutexGuard<'_, Signers> {
        self.signers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signers {
    fn take(
        &mut self,
        certificate: Arc<SigningCertificate>,
        now: Timestamp,
        signer: impl FnOnce(Arc<SigningCertificate>) -> Arc<ClientAssertions>,
    ) -> bool {
        if self.former.as_ref().is_some_and(|former| now.duration_since(former.since) > FORMER_KEPT_FOR) {
            self.former = None;
        }
        if Arc::ptr_eq(&self.seen, &certificate) {
            return false;
        }
        self.seen = Arc::clone(&certificate);
        // The same certificate with another chain or in another order is not a swap.
        if self.current.certificate().thumbprint() == certificate.thumbprint() {
            return false;
        }
        log("client certificate replaced; the one before stays at hand for a day", &certificate);
        let former = std::mem::replace(&mut self.current, signer(certificate));
        self.former = Some(Former { signer: former, since: now, first_until: None });
        true
    }

    fn first(&self, now: Timestamp) -> &Arc<ClientAssertions> {
        let preferred = |former: &&Former| {
            // More ahead than it was ever set to means that the clock was set back.
            former
                .first_until
                .is_some_and(|until| now < until && until.duration_since(now) <= FORMER_FIRST_FOR)
                && former.signer.certificate().is_valid_at(now)
        };
        self.former.as_ref().filter(preferred).map_or(&self.current, |former| &former.signer)
    }
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation").field("file", &self.file).finish_non_exhaustive()
    }
}

fn proof(signer: &ClientAssertions, now: Timestamp) -> Result<Proof, Unavailable> {
    let jwt: SecretString = signer.get(now).map_err(|error| {
        tracing::error!(%error, "no client assertion could be signed");
        Unavailable::Misconfigured
    })?;
    let own = Own::Certificate { thumbprint: Arc::clone(signer.certificate().thumbprint()) };
    Ok(Proof { jwt, own: Some(Arc::new(own)) })
}

fn log(message: &'static str, certificate: &SigningCertificate) {
    tracing::info!(
        thumbprint_sha256 = &**certificate.thumbprint(),
        not_after = %certificate.not_after(),
        "{message}"
    );
}

#[cfg(test)]
mod tests {
    use std::fs;

    use identity::clock::{Clock as _, ManualClock};
    use tempfile::TempDir;

    use super::*;
    use crate::testing::{KeyAndCert, NOW, certified, key_and_cert, rsa_key};
    use watched::Look;

    struct Stand {
        dir: TempDir,
        clock: ManualClock,
        rotation: Rotation,
    }

    impl Stand {
        fn with(pair: &KeyAndCert) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("app.pem");
            fs::write(&path, pair.pem()).unwrap();
            let clock = ManualClock::at(NOW);
            let rotation = Rotation::load(
                path,
                None,
                "11112222-bbbb-3333-cccc-4444dddd5555".parse().unwrap(),
                "https://login.test/t/oauth2/v2.0/token".parse().unwrap(),
                Arc::new(clock.clone()),
            )
            .unwrap();
            Self { dir, clock, rotation }
        }

        fn write(&self, content: &str) -> Look {
            fs::write(self.dir.path().join("app.pem"), content).unwrap();
            self.rotation.file().look();
            self.rotation.file().look()
        }

        fn signs_with(&self) -> Arc<str> {
            let now = self.clock.now();
            self.rotation.prove(now).unwrap().thumbprint().cloned().unwrap()
        }
    }

    #[test]
    fn a_new_certificate_signs_and_the_one_before_stays_at_hand() {
        let (old, new) = (key_and_cert(), key_and_cert());
        let stand = Stand::with(&old);
        assert_eq!(*stand.signs_with(), *old.thumbprint_sha256());
        assert!(stand.rotation.prove_otherwise(&old.thumbprint_sha256(), NOW).is_none());

        assert_eq!(stand.write(&new.pem()), Look::Replaced);
        assert!(stand.rotation.reload(NOW));
        assert!(!stand.rotation.reload(NOW));
        assert_eq!(*stand.signs_with(), *new.thumbprint_sha256());
        let other = stand.rotation.prove_otherwise(&new.thumbprint_sha256(), NOW).unwrap();
        assert_eq!(other.thumbprint().map(AsRef::as_ref), Some(&*old.thumbprint_sha256()));
        // The other way round: there is a way back, once per exchange.
        let other = stand.rotation.prove_otherwise(&old.thumbprint_sha256(), NOW).unwrap();
        assert_eq!(other.thumbprint().map(AsRef::as_ref), Some(&*new.thumbprint_sha256()));

        stand.clock.advance(FORMER_KEPT_FOR + SignedDuration::from_secs(1));
        let now = stand.clock.now();
        assert!(stand.rotation.prove_otherwise(&new.thumbprint_sha256(), now).is_none());
    }

    #[test]
    fn what_entra_took_goes_first_for_a_while() {
        let (old, new) = (key_and_cert(), key_and_cert());
        let stand = Stand::with(&old);
        stand.write(&new.pem());
        assert_eq!(*stand.signs_with(), *new.thumbprint_sha256());
        stand.rotation.prefer(&old.thumbprint_sha256(), NOW);
        assert_eq!(*stand.signs_with(), *old.thumbprint_sha256());
        stand.clock.advance(FORMER_FIRST_FOR);
        assert_eq!(*stand.signs_with(), *new.thumbprint_sha256());

        stand.rotation.prefer(&old.thumbprint_sha256(), stand.clock.now());
        stand.rotation.prefer(&new.thumbprint_sha256(), stand.clock.now());
        assert_eq!(*stand.signs_with(), *new.thumbprint_sha256());
    }

    #[test]
    fn an_ended_certificate_is_no_way_out() {
        let (old, new) = (certified(rsa_key(), 2026, 2027), key_and_cert());
        let stand = Stand::with(&old);
        stand.write(&new.pem());
        let end = "2027-01-01T00:00:00Z".parse().unwrap();
        stand.clock.set("2026-12-31T23:00:00Z".parse().unwrap());
        stand.rotation.reload(stand.clock.now());
        assert!(stand.rotation.prove_otherwise(&new.thumbprint_sha256(), stand.clock.now()).is_some());
        assert!(stand.rotation.prove_otherwise(&new.thumbprint_sha256(), end).is_none());
    }

    #[test]
    fn one_that_has_not_begun_waits_its_turn() {
        let (old, next) = (certified(rsa_key(), 2026, 2028), certified(rsa_key(), 2027, 2030));
        let stand = Stand::with(&old);
        assert_eq!(stand.write(&next.pem()), Look::Kept);
        assert_eq!(*stand.signs_with(), *old.thumbprint_sha256());
        stand.clock.set("2027-01-01T00:00:01Z".parse().unwrap());
        assert_eq!(stand.rotation.file().look(), Look::Replaced);
        assert_eq!(*stand.signs_with(), *next.thumbprint_sha256());
    }

    #[test]
    fn a_torn_or_foreign_file_changes_nothing() {
        let (old, new) = (key_and_cert(), key_and_cert());
        let stand = Stand::with(&old);
        let torn = new.pem();
        for content in [&torn[..torn.len() / 2], "", &(old.key.serialize_pem() + &new.certificate.pem())] {
            assert_eq!(stand.write(content), Look::Kept);
            assert_eq!(*stand.signs_with(), *old.thumbprint_sha256());
        }
        // Its chain may grow without that being a swap.
        assert_eq!(stand.write(&(old.pem() + &new.certificate.pem())), Look::Replaced);
        assert!(!stand.rotation.reload(NOW));
    }

    #[test]
    fn the_password_is_followed_too() {
        let dir = tempfile::tempdir().unwrap();
        let (path, password) = (dir.path().join("app.pem"), dir.path().join("password"));
        let (old, new) = (key_and_cert(), key_and_cert());
        fs::write(&path, old.pem()).unwrap();
        fs::write(&password, "one").unwrap();
        let rotation = Rotation::load(
            path.clone(),
            Some(password.clone()),
            "11112222-bbbb-3333-cccc-4444dddd5555".parse().unwrap(),
            "https://login.test/".parse().unwrap(),
            Arc::new(ManualClock::at(NOW)),
        )
        .unwrap();
        fs::write(&password, "two").unwrap();
        assert_eq!(rotation.file().look(), Look::Pending, "a new password alone is looked at");
        fs::write(&path, new.pem()).unwrap();
        assert_eq!((rotation.file().look(), rotation.file().look()), (Look::Pending, Look::Replaced));
    }
}
