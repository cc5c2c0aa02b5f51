//! The tree of files, and whose rule holds for which of them.

use crate::codec::Reader;
use crate::file::{File, FileId, Kind, Life, Structure};
use crate::rule::{Condition, Operation};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Octets that all files together may take, and how many files there may be: so that a snapshot is one record.
pub(crate) const CAPACITY: usize = 48 * 1024;
const MOST_FILES: usize = 320;

/// A file and where its rule stands.
#[derive(Clone)]
struct Slot {
    /// Shared between cards that have the same one.
    file: Arc<File>,
    /// The EF.ARR that its rule is in; `None` if there is none where it should be.
    arr: Option<FileId>,
}

/// All files of a card. A file's number is its place. A place is used again once its file is deleted; whoever stood in that
/// file has been sent away by then.
#[derive(Clone, Default)]
pub(crate) struct Tree(Vec<Option<Slot>>);

impl Tree {
    /// A tree of these files, each at its number.
    pub(crate) fn new(files: impl IntoIterator<Item = File>) -> Self {
        let shared = files.into_iter().map(|mut file| {
            file.understand();
            Some(Slot { file: Arc::new(file), arr: None })
        });
        let mut slots: Vec<_> = shared.collect();
        // They may have been collected where the files stood, which takes far more room.
        slots.shrink_to_fit();
        let mut tree = Self(slots);
        tree.resolve();
        tree
    }

    pub(crate) fn file(&self, id: FileId) -> Option<&File> {
        self.0.get(usize::from(id.0))?.as_ref().map(|slot| &*slot.file)
    }

    fn file_mut(&mut self, id: FileId) -> Option<&mut File> {
        self.0.get_mut(usize::from(id.0))?.as_mut().map(|slot| Arc::make_mut(&mut slot.file))
    }

    fn slots(&self) -> impl Iterator<Item = (FileId, &Slot)> {
        self.0.iter().zip(0..).filter_map(|(slot, id)| Some((FileId(id), slot.as_ref()?)))
    }

    fn files(&self) -> impl Iterator<Item = (FileId, &File)> {
        self.slots().map(|(id, slot)| (id, &*slot.file))
    }

    /// What an operation on a file takes. A rule that is not where it should be is a denial (TS 102 221 §9.2.7).
    pub(crate) fn takes(&self, id: FileId, operation: Operation) -> Condition {
        let rule = self
            .0
            .get(usize::from(id.0))
            .and_then(Option::as_ref)
            .and_then(|slot| self.file(slot.arr?)?.access_rule(slot.file.rule.record));
        rule.map_or(Condition::NEVER, |rule| rule.takes(operation))
    }

    /// Finds the EF.ARR of every file: in the directory of the file, or the nearest above it that has one by that
    /// identifier, the application's or the master file being the last.
    fn resolve(&mut self) {
        let found: Vec<_> = self.slots().map(|(id, slot)| (id, self.arr(&slot.file))).collect();
        for (id, arr) in found {
            if let Some(Some(slot)) = self.0.get_mut(usize::from(id.0)) {
                slot.arr = arr;
            }
        }
    }

    fn arr(&self, file: &File) -> Option<FileId> {
        let mut dir = file.parent;
        loop {
            let here = self.files().find(|(_, f)| f.parent == dir && f.fid == file.rule.arr && f.is_arr());
            if let Some((id, _)) = here {
                return Some(id);
            }
            let above = self.file(dir)?;
            if dir == FileId::MF || matches!(above.kind, Kind::Application(_)) {
                return None;
            }
            dir = above.parent;
        }
    }

    /// Whether an EF.ARR of this identifier in `dir` would change whose rule holds for a file that is there already.
    pub(crate) fn would_govern(&self, dir: FileId, arr: u16) -> bool {
        self.files().any(|(_, f)| f.rule.arr == arr && self.is_within(f.parent, dir))
    }

    /// Whether other files than itself have their rules here.
    pub(crate) fn governs(&self, id: FileId) -> bool {
        self.slots().any(|(other, slot)| slot.arr == Some(id) && other != id)
    }

    /// What stands in a directory.
    pub(crate) fn children(&self, dir: FileId) -> impl Iterator<Item = (FileId, &File)> {
        self.files().filter(move |(id, file)| file.parent == dir && *id != FileId::MF)
    }

    /// The file with this identifier in a directory; the master file has applications in it, which are found by name
    /// alone.
    pub(crate) fn child(&self, dir: FileId, fid: u16) -> Option<FileId> {
        let named = self.children(dir).find(|(_, f)| f.fid == fid && !matches!(f.kind, Kind::Application(_)));
        named.map(|(id, _)| id)
    }

    /// The EF with this short identifier in a directory.
    pub(crate) fn by_sfi(&self, dir: FileId, sfi: u8) -> Option<FileId> {
        let found = self.children(dir).find(|(_, f)| f.sfi == sfi && sfi != 0 && f.structure().is_some());
        found.map(|(id, _)| id)
    }

    /// The file at the end of a path from the master file, through applications by the name's beginning.
    pub(crate) fn at(&self, application: Option<&[u8]>, path: &[u16]) -> Option<FileId> {
        let start = match application {
            Some(name) => self.applications(name).next()?,
            None => FileId::MF,
        };
        path.iter().try_fold(start, |dir, fid| self.child(dir, *fid))
    }

    /// Applications whose name begins so, in their order.
    pub(crate) fn applications(&self, begins: &[u8]) -> impl DoubleEndedIterator<Item = FileId> {
        let found: Vec<_> = self
            .files()
            .filter(|(_, f)| matches!(&f.kind, Kind::Application(name) if name.starts_with(begins)))
            .map(|(id, _)| id)
            .collect();
        found.into_iter()
    }

    /// Whether this is an application whose name begins so, and not terminated.
    pub(crate) fn is_application(&self, id: FileId, begins: &[u8]) -> bool {
        let kind = self.file(id).map(|f| &f.kind);
        matches!(kind, Some(Kind::Application(name)) if name.starts_with(begins)) && self.usable(id)
    }

    /// Where links lead; a file that is none leads to itself.
    pub(crate) fn follow(&self, id: FileId) -> FileId {
        match self.file(id).map(|f| &f.kind) {
            Some(Kind::Link(target)) => *target,
            _ => id,
        }
    }

    /// The nearest application or the master file at or above this directory.
    pub(crate) fn application_of(&self, dir: FileId) -> Option<FileId> {
        let mut at = dir;
        while at != FileId::MF {
            let file = self.file(at)?;
            if matches!(file.kind, Kind::Application(_)) {
                return Some(at);
            }
            at = file.parent;
        }
        None
    }

    /// Whether `id` is `dir` or stands somewhere in it.
    pub(crate) fn is_within(&self, id: FileId, dir: FileId) -> bool {
        let mut at = id;
        loop {
            if at == dir {
                return true;
            }
            match self.file(at) {
                Some(file) if at != FileId::MF => at = file.parent,
                _ => return false,
            }
        }
    }

    /// Whether neither the file nor a directory above it is terminated.
    pub(crate) fn usable(&self, id: FileId) -> bool {
        let mut at = id;
        loop {
            match self.file(at) {
                Some(file) if file.life != Life::Terminated => {
                    if at == FileId::MF {
                        return true;
                    }
                    at = file.parent;
                }
                Some(_) | None => return false,
            }
        }
    }

    /// Directories above a directory.
    pub(crate) fn depth(&self, dir: FileId) -> usize {
        let (mut at, mut depth) = (dir, 0);
        while at != FileId::MF {
            let Some(file) = self.file(at) else { break };
            (at, depth) = (file.parent, depth + 1);
        }
        depth
    }

    /// Octets that are left for new files.
    pub(crate) fn free(&self) -> usize {
        let taken: usize = self.files().map(|(_, f)| allotted(f)).sum();
        if self.next().is_none() { 0 } else { CAPACITY.saturating_sub(taken) }
    }

    /// Octets of all files within a directory.
    pub(crate) fn total(&self, dir: FileId) -> usize {
        self.files().filter(|(id, f)| !f.is_dir() && self.is_within(*id, dir)).map(|(_, f)| allotted(f)).sum()
    }

    /// The number that the next new file gets; `None` if there is none left.
    pub(crate) fn next(&self) -> Option<FileId> {
        let place = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        u16::try_from(place).ok().filter(|_| place < MOST_FILES).map(FileId)
    }

    // What changes a tree. Each gives `None` if it does not fit this one.

    pub(crate) fn write(&mut self, id: FileId, offset: u16, bytes: &[u8]) -> Option<()> {
        let file = self.file_mut(id)?;
        let offset = usize::from(offset);
        file.content.get_mut(offset..offset.checked_add(bytes.len())?)?.copy_from_slice(bytes);
        if file.is_arr() {
            file.understand();
        }
        Some(())
    }

    /// A new first record of a cyclic file; the oldest goes.
    pub(crate) fn push(&mut self, id: FileId, record: &[u8]) -> Option<()> {
        let content = &mut self.file_mut(id)?.content;
        if record.is_empty() || record.len() > content.len() {
            return None;
        }
        content.rotate_right(record.len());
        content.get_mut(..record.len())?.copy_from_slice(record);
        Some(())
    }

    /// All content anew, of whatever length.
    pub(crate) fn replace(&mut self, id: FileId, content: Vec<u8>) -> Option<()> {
        let file = self.file_mut(id)?;
        file.content = content;
        file.understand();
        Some(())
    }

    /// How far an EF of data objects may grow.
    pub(crate) fn allow(&mut self, id: FileId, most: u16) -> Option<()> {
        let file = self.file_mut(id)?;
        if !matches!(file.kind, Kind::Ef(Structure::Objects(_))) {
            return None;
        }
        file.kind = Kind::Ef(Structure::Objects(most));
        Some(())
    }

    pub(crate) fn live(&mut self, id: FileId, life: Life) -> Option<()> {
        self.file_mut(id)?.life = life;
        Some(())
    }

    /// A new file, at [`Tree::next`].
    pub(crate) fn create(&mut self, file: File) -> Option<()> {
        let place = usize::from(self.next()?.0);
        if place == self.0.len() {
            self.0.push(None);
        }
        *self.0.get_mut(place)? = Some(Slot { file: Arc::new(file), arr: None });
        self.resolve();
        Some(())
    }

    /// Takes a file out, and all that is in it or leads to it.
    pub(crate) fn delete(&mut self, id: FileId) -> Option<()> {
        self.file(id)?;
        let gone: Vec<_> = self
            .files()
            .filter(|(at, file)| {
                self.is_within(*at, id) || matches!(file.kind, Kind::Link(to) if self.is_within(to, id))
            })
            .map(|(at, _)| at)
            .collect();
        for at in gone {
            *self.0.get_mut(usize::from(at.0))? = None;
        }
        self.resolve();
        Some(())
    }

    /// Keeps one copy of what is the same in both.
    pub(crate) fn share(&mut self, with: &Self) {
        for (slot, other) in self.0.iter_mut().zip(&with.0) {
            if let (Some(slot), Some(other)) = (slot, other)
                && slot.file == other.file
            {
                slot.file = Arc::clone(&other.file);
            }
        }
    }

    /// Appends all files to a snapshot.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&u16::try_from(self.0.len()).unwrap_or(u16::MAX).to_be_bytes());
        for slot in &self.0 {
            match slot {
                None => out.push(0),
                Some(slot) => {
                    out.push(1);
                    slot.file.put(out);
                }
            }
        }
    }

    /// What [`Tree::put`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.u16()?;
        let mut slots = Vec::with_capacity(usize::from(count).min(MOST_FILES));
        for _ in 0..count {
            slots.push(match reader.u8()? {
                0 => None,
                1 => Some(Slot { file: Arc::new(File::read(reader)?), arr: None }),
                _ => return None,
            });
        }
        let mut tree = Self(slots);
        tree.resolve();
        Some(tree)
    }

    /// Octets a snapshot of the files takes at most.
    pub(crate) fn snapshot_bytes(&self) -> usize {
        self.files().map(|(_, f)| f.content.len() + f.content.len() / 128 + 40).sum::<usize>() + self.0.len()
    }
}

/// Octets a file takes of the card's memory.
fn allotted(file: &File) -> usize {
    match file.structure() {
        Some(Structure::Objects(most)) => usize::from(most),
        _ => file.content.len(),
    }
}
