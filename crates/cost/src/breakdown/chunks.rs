//! A list that never moves what it holds, and gives it back bit by bit: a list of 200 000 sums is made into one of as many lines
//! without both being there at once.

/// Items of a chunk.
const LENGTH: usize = 4_096;

/// A list in chunks: all but the last are full.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    pub(super) fn push(&mut self, item: T) {
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

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * LENGTH + last.len())
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index / LENGTH)?.get(index % LENGTH)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index / LENGTH)?.get_mut(index % LENGTH)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// Each item; a chunk is let go of with its last.
    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
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
            assert_eq!(chunks.len(), length);
            for index in (0..length).step_by(LENGTH / 3).chain(length.checked_sub(1)) {
                assert_eq!(chunks.get(index), Some(&index));
                *chunks.get_mut(index).unwrap() += length;
                *chunks.get_mut(index).unwrap() -= length;
            }
            assert_eq!(chunks.get(length), None);
            assert_eq!(chunks.get_mut(length), None);
            assert!(chunks.iter().copied().eq(0..length));
            assert!(chunks.into_iter().eq(0..length));
        }
    }
}
