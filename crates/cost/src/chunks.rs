//! A list that never moves what it holds, and gives it back bit by bit: a list of 200 000 rows grows without being there twice, and
//! one of as many sums is made into lines without both being there at once.

use std::ops::Index;
use std::{slice, vec};

/// Items of a chunk.
const LENGTH: usize = 4_096;

/// A list in chunks: all but the last are full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunks<T>(Vec<Vec<T>>);

// Each item by reference.
type Iter<'a, T> = std::iter::Flatten<slice::Iter<'a, Vec<T>>>;
// Each item; a chunk is let go of with its last.
type IntoIter<T> = std::iter::Flatten<vec::IntoIter<Vec<T>>>;

impl<T> Chunks<T> {
    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < LENGTH => last.push(item),
            // A list of few is as long as it has to be.
            None => self.0.push(vec![item]),
            Some(_) => {
                let mut chunk = Vec::with_capacity(LENGTH);
                chunk.push(item);
                self.0.push(chunk);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * LENGTH + last.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The item at a place.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index / LENGTH)?.get(index % LENGTH)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index / LENGTH)?.get_mut(index % LENGTH)
    }

    /// Each item.
    pub fn iter(&self) -> Iter<'_, T> {
        self.0.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    /// Lets go of what is beyond the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.0.truncate(length.div_ceil(LENGTH));
        let full = self.0.len().saturating_sub(1) * LENGTH;
        if let Some(last) = self.0.last_mut() {
            last.truncate(length - full);
        }
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.0[index / LENGTH][index % LENGTH]
    }
}

impl<T> FromIterator<T> for Chunks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut chunks = Self::default();
        chunks.extend(items);
        chunks
    }
}

impl<T> Extend<T> for Chunks<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> From<Vec<T>> for Chunks<T> {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl<T> IntoIterator for Chunks<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        self.0.into_iter().flatten()
    }
}

impl<'a, T> IntoIterator for &'a Chunks<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_whatever_its_length() {
        for length in [0, 1, LENGTH - 1, LENGTH, LENGTH + 1, 3 * LENGTH, 3 * LENGTH + 7] {
            let mut chunks = Chunks::default();
            for item in 0..length {
                assert_eq!(chunks.len(), item);
                chunks.push(item);
            }
            assert_eq!((chunks.len(), chunks.is_empty()), (length, length == 0));
            for index in (0..length).step_by(LENGTH / 3).chain(length.checked_sub(1)) {
                assert_eq!((chunks.get(index), chunks[index]), (Some(&index), index));
                *chunks.get_mut(index).unwrap() += length;
                *chunks.get_mut(index).unwrap() -= length;
            }
            assert_eq!(chunks.get(length), None);
            assert_eq!(chunks.get_mut(length), None);
            assert!(chunks.iter().copied().eq(0..length));
            assert_eq!(Chunks::from((0..length).collect::<Vec<_>>()), chunks);
            assert!(chunks.into_iter().eq(0..length));
        }
    }

    #[test]
    fn what_is_beyond_a_length_goes() {
        for length in
            [0, 1, LENGTH - 1, LENGTH, LENGTH + 1, 2 * LENGTH, 2 * LENGTH + 7, 3 * LENGTH, 4 * LENGTH]
        {
            let mut chunks: Chunks<usize> = (0..3 * LENGTH).collect();
            chunks.truncate(length);
            let left = length.min(3 * LENGTH);
            assert_eq!(chunks.len(), left);
            chunks.push(left);
            assert!(chunks.into_iter().eq(0..=left));
        }
    }
}
