//! The store: what stands on the disk, what comes out again, and for whom.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use identity::clock::ManualClock;
use jiff::SignedDuration;
use telemetry::Metrics;
use tempfile::TempDir;

use super::seal::{CHUNK, TAG};
use super::*;

mod damage;
mod http;

const MIB: u64 = 1024 * 1024;

/// A store in a directory of its own, by a clock that stands still.
struct Shop {
    exports: Exports,
    clock: ManualClock,
    dir: TempDir,
}

fn shop() -> Shop {
    shop_with(|_| ())
}

fn shop_with(change: impl FnOnce(&mut ExportSettings)) -> Shop {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp::from_second(1_795_377_600).unwrap());
    let mut settings = ExportSettings {
        dir: Some(dir.path().to_owned()),
        bytes: MIB,
        count: 2,
        ttl: Duration::from_secs(600),
        inline_bytes: 0,
        link: None,
    };
    change(&mut settings);
    let exports = start(settings, &clock);
    Shop { exports, clock, dir }
}

fn start(settings: ExportSettings, clock: &ManualClock) -> Exports {
    let url = "https://mcp.contoso.com/exports".to_owned();
    let meter = Metrics::new("gateway").unwrap().meter("gateway");
    Exports::start(settings, url, Arc::new(clock.clone()), &meter).unwrap()
}

fn person(n: u8) -> Person {
    let tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee".parse().unwrap();
    (tenant, format!("00000000-0000-4000-8000-0000000000{n:02x}").parse().unwrap())
}

fn about() -> About {
    let file_name = "costs.csv".to_owned();
    About { format: "csv", media_type: "text/csv", file_name, rows: 3 }
}

impl Shop {
    fn draft(&self, of: &Person) -> Result<Draft, ExportFault> {
        self.exports.begin(of, self.exports.new_id().unwrap())
    }

    fn keep(&self, of: &Person, text: &[u8]) -> Kept {
        let mut draft = self.draft(of).unwrap();
        draft.write_all(text).unwrap();
        draft.finish(about()).unwrap()
    }

    /// The files that there are, of all processes that use the directory.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let folders = entries.filter(|path| path.is_dir());
        folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
    }

    fn on_disk(&self) -> u64 {
        self.files().iter().map(|file| fs::metadata(file).unwrap().len()).sum()
    }
}

/// Bytes in which no chunk is like another.
fn text(length: usize) -> Vec<u8> {
    (0..=length as u64 / 8)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
        .take(length)
        .collect()
}

#[test]
fn what_is_kept_comes_out_again_whatever_its_length() {
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17] {
        let (shop, text) = (shop(), text(length));
        let kept = shop.keep(&person(1), &text);
        assert_eq!(kept.size, length as u64);
        assert_eq!(kept.sha256, id::hex(digest(&text).as_ref()));
        assert_eq!(shop.exports.read(&person(1), kept.id).unwrap(), text, "{length}");
        assert_eq!(shop.on_disk(), shop.exports.0.room.taken(), "{length}: counted as it is");
        assert_eq!(shop.on_disk(), (length + length.div_ceil(CHUNK).max(1) * TAG) as u64);
        assert_eq!(shop.exports.find(&person(1), kept.id), Some(kept));
    }
}

fn digest(text: &[u8]) -> aws_lc_rs::digest::Digest {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text)
}

#[test]
fn what_stands_on_the_disk_is_noise_and_this_users_alone() {
    let shop = shop();
    let line = b"10000000-0000-4000-8000-00000000000a,vm-payroll,12.34\r\n";
    shop.keep(&person(1), &line.repeat(4000));
    let id = shop.exports.new_id().unwrap();
    let mut draft = shop.exports.begin(&person(1), id).unwrap();
    draft.write_all(&line.repeat(4000)).unwrap();
    assert_eq!(shop.files().len(), 2, "one is still being written");
    for file in shop.files() {
        let found = fs::read(&file).unwrap();
        assert!(found.len() > 2 * CHUNK);
        for window in [&line[..12], b"vm-payroll", b"12.34"] {
            assert!(!found.windows(window.len()).any(|bytes| bytes == window));
        }
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let folder = file.parent().unwrap();
        assert_eq!(fs::metadata(folder).unwrap().mode() & 0o777, 0o700);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains(&id.to_string()[9..]), "its name says nothing of it");
    }
    // The same text twice is not the same noise.
    let [one, other] = [0, 1].map(|n| fs::read(&shop.files()[n]).unwrap());
    assert_ne!(one[..CHUNK], other[..CHUNK]);
}

#[test]
fn an_export_is_there_for_its_person_alone() {
    let shop = shop();
    let kept = shop.keep(&person(1), b"mine");
    let foreign: Person = ("bbbbaaaa-0000-cccc-1111-dddd2222eeee".parse().unwrap(), person(1).1);
    for other in [person(2), foreign] {
        assert_eq!(shop.exports.find(&other, kept.id), None);
        assert!(shop.exports.read(&other, kept.id).is_err());
        assert!(shop.exports.list(&other).is_empty());
    }
    assert_eq!(shop.exports.list(&person(1)), [kept]);
    assert_eq!(shop.exports.find(&person(1), shop.exports.new_id().unwrap()), None);
}

#[test]
fn nothing_is_left_of_a_draft_that_is_given_up_or_of_what_expired() {
    let shop = shop();
    let id = shop.exports.new_id().unwrap();
    let mut draft = shop.exports.begin(&person(1), id).unwrap();
    draft.write_all(&text(2 * CHUNK + 5)).unwrap();
    assert!(shop.exports.0.room.taken() > CHUNK as u64);
    assert_eq!(shop.exports.find(&person(1), id), None, "it is not ready");
    drop(draft);
    assert_eq!((shop.files().len(), shop.exports.0.room.taken()), (0, 0));

    let kept = shop.keep(&person(1), &text(CHUNK));
    shop.clock.advance(SignedDuration::from_secs(599));
    shop.exports.sweep();
    assert!(shop.exports.find(&person(1), kept.id).is_some());
    shop.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(shop.exports.find(&person(1), kept.id), None, "before anybody swept");
    assert!(shop.exports.list(&person(1)).is_empty());
    shop.exports.sweep();
    assert_eq!((shop.files().len(), shop.exports.0.room.taken()), (0, 0));
}

#[test]
fn one_person_has_as_many_as_they_may() {
    let shop = shop();
    let kept = shop.keep(&person(1), b"one");
    let draft = shop.draft(&person(1)).unwrap();
    let fault = shop.draft(&person(1)).err().unwrap();
    assert_eq!(fault, ExportFault::TooMany { most: 2, retry_in_seconds: Some(601) });
    assert!(shop.draft(&person(2)).is_ok(), "somebody else's are their own");
    drop(draft);
    assert!(shop.draft(&person(1)).is_ok());
    let _draft = shop.draft(&person(1)).unwrap();
    // What has expired makes room at once, whoever sweeps when.
    shop.clock.set(kept.expires_at);
    assert!(shop.draft(&person(1)).is_ok());
}

#[test]
fn all_together_take_no_more_room_than_there_is() {
    let shop = shop_with(|settings| settings.bytes = 3 * (CHUNK + TAG) as u64);
    let first = shop.keep(&person(1), &text(2 * CHUNK));
    let mut draft = shop.draft(&person(2)).unwrap();
    draft.write_all(&text(CHUNK)).unwrap();
    let error = draft.write_all(&text(CHUNK + 1)).unwrap_err();
    let fault = ExportFault::NoRoom { retry_in_seconds: Some(601) };
    assert_eq!(ExportFault::behind(&error), Some(fault.clone()));
    assert_eq!(draft.finish(about()), Err(fault), "never half a file");
    assert_eq!(shop.exports.0.room.taken(), shop.on_disk());

    shop.clock.set(first.expires_at);
    let mut draft = shop.draft(&person(2)).unwrap();
    let error = draft.write_all(&text(4 * CHUNK + 1)).unwrap_err();
    let most = 3 * (CHUNK + TAG) as u64;
    assert_eq!(ExportFault::behind(&error), Some(ExportFault::TooLarge { most }));
    drop(draft);
    assert!(shop.files().is_empty());
    shop.keep(&person(2), &text(3 * CHUNK));
}

#[test]
fn a_killed_process_leaves_what_the_next_one_deletes_and_a_living_one_keeps_its_own() {
    let shop = shop();
    let kept = shop.keep(&person(1), b"alive");
    // As it is after `kill -9`: a directory that nobody holds.
    let left = shop.dir.path().join(format!("exports-{}", "ab".repeat(16)));
    fs::create_dir(&left).unwrap();
    fs::write(left.join("00"), "noise").unwrap();
    let foreign = shop.dir.path().join("exports-of-somebody-else");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("kept"), "theirs").unwrap();

    let settings = shop.exports.settings().clone();
    let second = start(settings, &shop.clock);
    assert!(!left.exists(), "nobody's");
    assert!(foreign.join("kept").exists(), "not ours");
    assert_eq!(shop.exports.read(&person(1), kept.id).unwrap(), b"alive");
    assert!(second.is_elsewhere(kept.id));
    assert!(!shop.exports.is_elsewhere(kept.id));
    assert_eq!(second.find(&person(1), kept.id), None);
}

#[tokio::test]
async fn nothing_is_left_when_the_service_ends() {
    let shop = shop();
    let kept = shop.keep(&person(1), b"gone");
    let mut draft = shop.draft(&person(1)).unwrap();
    draft.write_all(&text(CHUNK + 1)).unwrap();
    shop.exports.close().await;
    assert_eq!(fs::read_dir(shop.dir.path()).unwrap().count(), 0);
    assert_eq!(shop.exports.find(&person(1), kept.id), None);
    // Whoever still writes gets nowhere.
    let late = draft.finish(about()).unwrap();
    assert_eq!(shop.exports.find(&person(1), late.id), None);
    assert_eq!(shop.draft(&person(1)).err(), Some(ExportFault::Unavailable), "the directory is gone");
}

#[tokio::test(start_paused = true)]
async fn what_expired_is_deleted_though_nobody_asks_for_it() {
    let shop = shop();
    let kept = shop.keep(&person(1), b"for ten minutes");
    let tending = tokio::spawn(shop.exports.clone().tend());
    shop.clock.set(kept.expires_at);
    while !shop.files().is_empty() {
        tokio::time::sleep(SWEEP_EVERY).await;
    }
    tending.abort();
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [dir.path().join("none"), file] {
        let error = Place::open(Some(&path)).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("GATEWAY_EXPORT_DIR"), "{error}");
    }
    // One that others may look into is not private, and one behind a link is somebody else's choice.
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(place::private_at(&open), Err(PlaceError::NotPrivate { .. })));
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&open, &link).unwrap();
    assert!(matches!(place::private_at(&link), Err(PlaceError::Unusable { .. })));
    fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(place::private_at(&open).is_ok());
    assert!(place::private_at(&dir.path().join("made")).is_ok());
}

#[test]
fn an_export_that_expires_while_it_is_read_is_read_to_its_end() {
    let shop = shop();
    let whole = text(2 * CHUNK);
    let kept = shop.keep(&person(1), &whole);
    let export = shop.exports.export(&person(1), kept.id).unwrap();
    shop.clock.set(kept.expires_at);
    shop.exports.sweep();
    assert!(shop.files().is_empty(), "nobody else finds it");
    assert_eq!(*export.sealed.read(1, kept.size).unwrap(), whole[CHUNK..]);
    assert!(shop.exports.0.room.taken() > 0, "the disk is not free yet");
    drop(export);
    assert_eq!(shop.exports.0.room.taken(), 0);
}
