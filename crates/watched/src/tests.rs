use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn number(contents: &[Content]) -> Result<u32, Reason> {
    Ok(str::from_utf8(&contents[0])?.trim().parse()?)
}

fn watched(text: &str) -> (TempDir, PathBuf, Arc<Watched<u32>>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("number");
    fs::write(&path, text).unwrap();
    let watched = Watched::load("number", vec![path.clone()], number).unwrap();
    (dir, path, watched)
}

#[test]
fn a_change_counts_when_it_was_seen_twice() {
    let (_dir, path, watched) = watched("1");
    assert_eq!(watched.look(), Look::Same);
    fs::write(&path, "2").unwrap();
    assert_eq!((watched.look(), *watched.current()), (Look::Pending, 1));
    assert_eq!((watched.look(), *watched.current()), (Look::Replaced, 2));
    assert_eq!(watched.look(), Look::Same);
}

#[test]
fn a_file_half_written_is_not_believed_even_where_it_parses() {
    let (_dir, path, watched) = watched("1");
    fs::write(&path, "12").unwrap();
    assert_eq!(watched.look(), Look::Pending);
    fs::write(&path, "1234").unwrap();
    assert_eq!((watched.look(), *watched.current()), (Look::Pending, 1));
    assert_eq!((watched.look(), *watched.current()), (Look::Replaced, 1234));
}

#[test]
fn what_cannot_be_used_leaves_the_old_value() {
    let (_dir, path, watched) = watched("1");
    for broken in ["", "x"] {
        fs::write(&path, broken).unwrap();
        assert_eq!(watched.look(), Look::Pending);
        assert_eq!((watched.look(), *watched.current()), (Look::Kept, 1));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!((watched.look(), *watched.current()), (Look::Kept, 1));
    fs::write(&path, "3").unwrap();
    assert_eq!((watched.look(), watched.look(), *watched.current()), (Look::Pending, Look::Replaced, 3));
}

#[test]
fn a_file_that_cannot_be_read_any_more_is_told_once_and_shown() {
    let captured = telemetry::testing::Captured::install("info");
    let metrics = telemetry::Metrics::new("test").unwrap();
    let (_dir, path, watched) = watched("1");
    watched.observe(&metrics.meter("test"), "test.files.stale");
    let shown = |value: u8| {
        let line =
            metrics.render().lines().find(|line| line.starts_with("test_files_stale{")).map(str::to_owned);
        line.is_some_and(|line| line.contains("file=\"number\"") && line.ends_with(&format!(" {value}")))
    };
    let told = |text: &str| captured.logs().matches(text).count();
    let (gone, back) = ("cannot be read any more", "can be read again");
    assert!(shown(0));

    // Once is not news: a swap may be under way.
    fs::remove_file(&path).unwrap();
    watched.look();
    fs::write(&path, "1").unwrap();
    assert_eq!((watched.look(), told(gone), shown(0)), (Look::Same, 0, true));

    // What is there is no file that can be read: this holds for root as well, unlike a mode.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    watched.look();
    assert!(shown(0));
    for _ in 0..3 {
        assert_eq!((watched.look(), told(gone), shown(1)), (Look::Kept, 1, true));
    }
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "1").unwrap();
    assert_eq!((watched.look(), told(back), shown(0)), (Look::Same, 1, true));

    // The next time is news again.
    fs::remove_file(&path).unwrap();
    assert_eq!([watched.look(), watched.look()], [Look::Kept, Look::Kept]);
    assert_eq!((told(gone), shown(1)), (2, true));
}

#[test]
fn what_cannot_be_used_or_does_not_settle_is_not_in_force() {
    let (_dir, path, watched) = watched("1");
    fs::write(&path, "2").unwrap();
    assert_eq!((watched.look(), watched.is_stale()), (Look::Pending, false));
    assert_eq!((watched.look(), watched.is_stale()), (Look::Replaced, false));
    fs::write(&path, "x").unwrap();
    assert_eq!((watched.look(), watched.is_stale()), (Look::Pending, false));
    assert_eq!((watched.look(), watched.is_stale()), (Look::Kept, true));
    for text in ["3", "4", "5"] {
        fs::write(&path, text).unwrap();
        assert_eq!((watched.look(), watched.is_stale()), (Look::Pending, true));
    }
    assert_eq!((watched.look(), watched.is_stale()), (Look::Replaced, false));
}

#[test]
fn what_could_not_be_used_is_tried_again() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("number");
    fs::write(&path, "1").unwrap();
    let begun = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&begun);
    let parse = move |contents: &[Content]| {
        if gate.load(Ordering::SeqCst) { number(contents) } else { Err("not yet".into()) }
    };
    let watched = Watched::load("number", vec![path.clone()], parse).unwrap();
    begun.store(false, Ordering::SeqCst);
    fs::write(&path, "2").unwrap();
    assert_eq!([watched.look(), watched.look(), watched.look()], [Look::Pending, Look::Kept, Look::Kept]);
    begun.store(true, Ordering::SeqCst);
    assert_eq!((watched.look(), *watched.current()), (Look::Replaced, 2));
    assert_eq!(watched.look(), Look::Same);
}

#[test]
fn a_volume_of_kubernetes_is_followed_through_its_swap() {
    let dir = tempfile::tempdir().unwrap();
    let version = |name: &str, text: &str| {
        let folder = dir.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("number"), text).unwrap();
        folder
    };
    let (old, new) = (version("..2026_1", "1"), version("..2026_2", "2"));
    symlink(&old, dir.path().join("..data")).unwrap();
    symlink("..data/number", dir.path().join("number")).unwrap();
    let watched = Watched::load("number", vec![dir.path().join("number")], number).unwrap();

    symlink(&new, dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    fs::remove_dir_all(&old).unwrap();

    assert_eq!((watched.look(), watched.look(), *watched.current()), (Look::Pending, Look::Replaced, 2));
}

#[test]
fn at_the_start_a_fault_is_told() {
    let missing = Watched::load("number", vec![PathBuf::from("/nowhere/at/all")], number).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/at/all"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("number");
    fs::write(&path, vec![b'1'; 1024 * 1024 + 1]).unwrap();
    assert!(matches!(Watched::load("number", vec![path.clone()], number), Err(WatchError::TooLarge(_))));
    fs::write(&path, "x").unwrap();
    let unusable = Watched::load("number", vec![path], number).unwrap_err();
    assert_eq!(unusable.to_string(), "the number cannot be used");
}
