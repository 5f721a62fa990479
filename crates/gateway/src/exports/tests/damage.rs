//! What somebody else wrote into the files does not come out.

use super::*;

const SEALED: usize = CHUNK + TAG;

/// Does something to the file of an export of two chunks and a half, and says of each chunk whether it still opens.
fn opens_after(change: impl FnOnce(&mut Vec<u8>)) -> [bool; 3] {
    let shop = shop();
    let kept = shop.keep(&person(1), &text(2 * CHUNK + CHUNK / 2));
    let export = shop.exports.export(&person(1), kept.id).unwrap();
    let path = shop.files().pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    [0, 1, 2].map(|number| export.sealed.read(number, kept.size).is_ok())
}

#[test]
fn what_was_changed_does_not_open() {
    assert_eq!(opens_after(|_| ()), [true; 3]);
    for at in [0, CHUNK / 2, CHUNK - 1, CHUNK, SEALED - 1] {
        assert_eq!(opens_after(|file| file[at] ^= 1), [false, true, true], "{at}");
        assert_eq!(opens_after(|file| file[SEALED + at] ^= 0x80), [true, false, true], "{at}");
    }
    assert_eq!(opens_after(|file| *file.last_mut().unwrap() ^= 1), [true, true, false]);
}

#[test]
fn what_was_cut_or_moved_does_not_open() {
    assert_eq!(opens_after(|file| file.truncate(file.len() - 1)), [true, true, false]);
    assert_eq!(opens_after(|file| file.truncate(SEALED)), [true, false, false]);
    assert_eq!(opens_after(Vec::clear), [false; 3]);
    assert_eq!(opens_after(|file| drop(file.drain(..SEALED))), [false; 3]);
    let swap = |file: &mut Vec<u8>| {
        let (first, rest) = file.split_at_mut(SEALED);
        first.swap_with_slice(&mut rest[..SEALED]);
    };
    assert_eq!(opens_after(swap), [false, false, true]);
    assert_eq!(opens_after(|file| file.copy_within(..SEALED, SEALED)), [true, false, true]);
}

#[test]
fn an_end_that_was_cut_at_a_chunk_is_no_end() {
    let shop = shop();
    let kept = shop.keep(&person(1), &text(2 * CHUNK));
    let export = shop.exports.export(&person(1), kept.id).unwrap();
    // As if the size that is remembered were another: a chunk in the midst is not the last, nor the last one in the midst.
    assert!(export.sealed.read(0, CHUNK as u64).is_err());
    assert!(export.sealed.read(1, 3 * CHUNK as u64).is_err());
}

#[test]
fn the_file_of_another_export_does_not_open() {
    let shop = shop();
    let text = text(CHUNK);
    let one = shop.keep(&person(1), &text);
    let before = shop.files();
    let other = shop.keep(&person(1), &text);
    let after = shop.files().into_iter().find(|file| !before.contains(file)).unwrap();
    fs::copy(&before[0], &after).unwrap();
    assert!(shop.exports.read(&person(1), one.id).is_ok());
    assert_eq!(shop.exports.read(&person(1), other.id), Err(ExportFault::Unavailable));
}
