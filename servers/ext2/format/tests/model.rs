//! Random sequences of operations against a model, checked by e2fsck.

mod common;

use std::collections::BTreeMap;

use common::*;
use ext2_format::*;

#[derive(Clone)]
enum Node {
    File(Vec<u8>),
    Link(Vec<u8>),
    Directory(BTreeMap<Vec<u8>, u32>),
}

struct Model {
    nodes: BTreeMap<u32, Node>,
    parents: BTreeMap<u32, u32>,
}

impl Model {
    fn entries(&mut self, directory: u32) -> &mut BTreeMap<Vec<u8>, u32> {
        match self.nodes.get_mut(&directory) {
            Some(Node::Directory(entries)) => entries,
            _ => panic!("the test confused its directories"),
        }
    }

    fn directories(&self) -> Vec<u32> {
        let is_directory = |node: &Node| matches!(node, Node::Directory(_));
        self.nodes
            .iter()
            .filter(|(_, node)| is_directory(node))
            .map(|(id, _)| *id)
            .collect()
    }

    fn is_inside(&self, mut inner: u32, outer: u32) -> bool {
        while inner != ROOT_INODE {
            if inner == outer {
                return true;
            }
            inner = self.parents[&inner];
        }
        outer == ROOT_INODE
    }

    fn links(&self, id: u32) -> usize {
        let count = |node: &Node| match node {
            Node::Directory(entries) => entries.values().filter(|other| **other == id).count(),
            _ => 0,
        };
        self.nodes.values().map(count).sum()
    }
}

struct Run {
    fs: FileSystem<MemoryDisk>,
    model: Model,
    random: Random,
}

impl Run {
    fn name(&mut self) -> Vec<u8> {
        let number = self.random.below(24);
        let length = if number.is_multiple_of(5) { 120 } else { 3 };
        format!("{number:0length$}").into_bytes()
    }

    fn directory(&mut self) -> u32 {
        let all = self.model.directories();
        all[self.random.below(all.len() as u64) as usize]
    }

    fn create(&mut self) {
        let (parent, name) = (self.directory(), self.name());
        let target = vec![b't'; 1 + self.random.below(200) as usize];
        let (node, model) = match self.random.below(6) {
            0 | 1 => (NewNode::Directory, Node::Directory(BTreeMap::new())),
            2 => (NewNode::SymbolicLink(&target), Node::Link(target.clone())),
            _ => (NewNode::Regular, Node::File(Vec::new())),
        };
        let result = self.fs.create(parent, &name, node, attributes());
        if self.model.entries(parent).contains_key(&name) {
            assert_eq!(result, Err(Error::Exists));
            return;
        }
        let id = result.unwrap();
        assert!(
            self.model.nodes.insert(id, model).is_none(),
            "inode {id} is used twice"
        );
        self.model.parents.insert(id, parent);
        self.model.entries(parent).insert(name, id);
    }

    fn forget_if_nameless(&mut self, id: u32, released: Option<u32>) {
        let gone = self.model.links(id) == 0;
        assert_eq!(released, gone.then_some(id));
        if gone {
            self.model.nodes.remove(&id);
            self.fs.release(id, NOW).unwrap();
        }
    }

    fn remove(&mut self) {
        let (parent, name) = (self.directory(), self.name());
        let Some(&id) = self.model.entries(parent).get(&name) else {
            assert_eq!(self.fs.unlink(parent, &name, NOW), Err(Error::NotFound));
            return;
        };
        let released = match &self.model.nodes[&id] {
            Node::Directory(entries) => {
                let empty = entries.is_empty();
                assert_eq!(self.fs.unlink(parent, &name, NOW), Err(Error::IsDirectory));
                let result = self.fs.remove_directory(parent, &name, NOW);
                if !empty {
                    assert_eq!(result, Err(Error::NotEmpty));
                    return;
                }
                result.unwrap()
            }
            _ => {
                let result = self.fs.remove_directory(parent, &name, NOW);
                assert_eq!(result, Err(Error::NotDirectory));
                self.fs.unlink(parent, &name, NOW).unwrap()
            }
        };
        self.model.entries(parent).remove(&name);
        self.forget_if_nameless(id, released);
    }

    fn link(&mut self) {
        let (parent, name) = (self.directory(), self.name());
        let (other, old) = (self.directory(), self.name());
        let Some(&id) = self.model.entries(other).get(&old) else {
            return;
        };
        let result = self.fs.link(parent, &name, id, NOW);
        if matches!(self.model.nodes[&id], Node::Directory(_)) {
            assert_eq!(result, Err(Error::IsDirectory));
            return;
        }
        if self.model.entries(parent).contains_key(&name) {
            assert_eq!(result, Err(Error::Exists));
            return;
        }
        result.unwrap();
        self.model.entries(parent).insert(name, id);
    }

    fn rename(&mut self) {
        let (from, old) = (self.directory(), self.name());
        let (to, new) = (self.directory(), self.name());
        let result = self.fs.rename(from, &old, to, &new, false, NOW);
        let Some(&id) = self.model.entries(from).get(&old) else {
            assert_eq!(result, Err(Error::NotFound));
            return;
        };
        let is_directory = matches!(self.model.nodes[&id], Node::Directory(_));
        if is_directory && from != to && self.model.is_inside(to, id) {
            assert_eq!(result, Err(Error::Invalid));
            return;
        }
        let target = self.model.entries(to).get(&new).copied();
        if target == Some(id) {
            assert_eq!(result, Ok(None));
            return;
        }
        if let Some(target) = target {
            let expected = match (&self.model.nodes[&target], is_directory) {
                (Node::Directory(entries), true) if !entries.is_empty() => Some(Error::NotEmpty),
                (Node::Directory(_), false) => Some(Error::IsDirectory),
                (Node::File(_) | Node::Link(_), true) => Some(Error::NotDirectory),
                _ => None,
            };
            if let Some(error) = expected {
                assert_eq!(result, Err(error));
                return;
            }
        }
        self.model.entries(from).remove(&old);
        self.model.entries(to).insert(new, id);
        self.model.parents.insert(id, to);
        let released = result.unwrap();
        match target {
            Some(target) => self.forget_if_nameless(target, released),
            None => assert_eq!(released, None),
        }
    }

    fn file(&mut self) -> Option<u32> {
        let is_file = |node: &Node| matches!(node, Node::File(_));
        let files: Vec<u32> = self
            .model
            .nodes
            .iter()
            .filter(|(_, n)| is_file(n))
            .map(|(id, _)| *id)
            .collect();
        let count = files.len() as u64;
        (count > 0).then(|| files[self.random.below(count) as usize])
    }

    fn write(&mut self) {
        let Some(id) = self.file() else { return };
        let offset = self.random.below(40_000);
        let data = vec![self.random.next() as u8; 1 + self.random.below(30_000) as usize];
        let written = self.fs.write_at(id, offset, &data, NOW).unwrap();
        assert_eq!(written, data.len());
        let Some(Node::File(content)) = self.model.nodes.get_mut(&id) else {
            return;
        };
        let end = offset as usize + data.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset as usize..end].copy_from_slice(&data);
    }

    fn truncate(&mut self) {
        let Some(id) = self.file() else { return };
        let size = self.random.below(400_000);
        self.fs.truncate(id, size, NOW).unwrap();
        let Some(Node::File(content)) = self.model.nodes.get_mut(&id) else {
            return;
        };
        content.resize(size as usize, 0);
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=5 => self.create(),
            6..=9 => self.remove(),
            10 | 11 => self.link(),
            12..=14 => self.rename(),
            15..=17 => self.write(),
            18 => self.truncate(),
            _ if self.random.below(4) == 0 => self.fs.sync().unwrap(),
            _ => {}
        }
    }

    fn compare(&mut self) {
        for (&id, node) in &self.model.nodes {
            match node {
                Node::File(content) => {
                    let mut data = vec![0; content.len() + 10];
                    let length = self.fs.read_at(id, 0, &mut data).unwrap();
                    assert_eq!(length, content.len());
                    assert!(data[..length] == content[..], "the content of {id} differs");
                    assert_eq!(
                        usize::from(self.fs.inode(id).unwrap().links),
                        self.model.links(id)
                    );
                }
                Node::Link(target) => assert_eq!(self.fs.read_link(id).unwrap(), *target),
                Node::Directory(entries) => {
                    let mut found = BTreeMap::new();
                    self.fs
                        .read_directory(id, 0, &mut |entry| {
                            found.insert(entry.name.to_vec(), entry.inode);
                            true
                        })
                        .unwrap();
                    assert_eq!(found.remove(&b"."[..]), Some(id));
                    assert!(found.remove(&b".."[..]).is_some());
                    found.remove(&b"lost+found"[..]);
                    assert_eq!(found, *entries);
                }
            }
        }
    }
}

fn run(seed: u64, steps: usize, arguments: &[&str]) {
    let nodes = BTreeMap::from([(ROOT_INODE, Node::Directory(BTreeMap::new()))]);
    let model = Model {
        nodes,
        parents: BTreeMap::new(),
    };
    let fs = mount(make(32, arguments));
    let mut run = Run {
        fs,
        model,
        random: Random(seed),
    };
    for step in 0..steps {
        run.step();
        if step % 400 == 399 {
            run.compare();
            let image = run.fs.unmount().unwrap().data;
            assert_clean(&image);
            run.fs = mount(image);
        }
    }
    run.compare();
}

#[test]
fn random_operations_agree_with_the_model_at_1k_blocks() {
    for seed in 1..4 {
        run(seed, 2000, &["-b", "1024"]);
    }
}

#[test]
fn random_operations_agree_with_the_model_at_4k_blocks() {
    for seed in 4..7 {
        run(seed, 2000, &["-b", "4096", "-g", "1024"]);
    }
}
