//! Hash tables and binary trees (XSI `<search.h>`).

use super::compare::strcmp;
use super::string::bytes;
use super::support::{calloc, free, malloc, set_errno};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;

const ESRCH: c_int = 3;
const ENOMEM: c_int = 12;
const ENTER: c_int = 1;

/// `ENTRY`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Entry {
    key: *mut c_char,
    data: *mut c_void,
}

/// `struct hsearch_data`; the table belongs to the library.
#[repr(C)]
pub struct Table {
    entries: *mut Entry,
    /// A power of two.
    capacity: c_uint,
    used: c_uint,
}

static mut TABLE: Table = Table {
    entries: null_mut(),
    capacity: 0,
    used: 0,
};

unsafe fn allocate(wanted: usize) -> Option<(*mut Entry, c_uint)> {
    let capacity = wanted
        .max(8)
        .checked_next_power_of_two()
        .filter(|&capacity| capacity <= 1 << 30)?;
    // SAFETY: zeroed memory is a table of empty entries.
    let entries = unsafe { calloc(capacity, size_of::<Entry>()) }.cast::<Entry>();
    (!entries.is_null()).then_some((entries, capacity as c_uint))
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hcreate_r(count: usize, table: *mut Table) -> c_int {
    // SAFETY: the caller's object.
    unsafe {
        match allocate(count.saturating_mul(4) / 3 + 1) {
            Some((entries, capacity)) => {
                table.write(Table {
                    entries,
                    capacity,
                    used: 0,
                });
                1
            }
            None => {
                set_errno(ENOMEM);
                0
            }
        }
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hcreate(count: usize) -> c_int {
    // SAFETY: XSI does not make it safe for threads.
    unsafe { hcreate_r(count, &raw mut TABLE) }
}

/// GNU: the keys and data are the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hdestroy_r(table: *mut Table) {
    // SAFETY: the caller's object.
    unsafe {
        free((*table).entries.cast());
        table.write(Table {
            entries: null_mut(),
            capacity: 0,
            used: 0,
        });
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hdestroy() {
    // SAFETY: as for `hcreate`.
    unsafe { hdestroy_r(&raw mut TABLE) }
}

/// FNV-1a.
unsafe fn hash(key: *const c_char) -> usize {
    // SAFETY: a string.
    unsafe { bytes(key) }
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        }) as usize
}

/// The entry with this key, or the empty one where it belongs.
unsafe fn place(entries: *mut Entry, capacity: c_uint, key: *const c_char) -> *mut Entry {
    let mask = capacity as usize - 1;
    // SAFETY: the index stays below the capacity, and a table is never full.
    unsafe {
        let mut index = hash(key) & mask;
        loop {
            let entry = entries.add(index);
            if (*entry).key.is_null() || strcmp((*entry).key, key) == 0 {
                return entry;
            }
            index = (index + 1) & mask;
        }
    }
}

unsafe fn grow(table: *mut Table) -> bool {
    // SAFETY: the caller's table.
    unsafe {
        let Some((entries, capacity)) = allocate(2 * (*table).capacity as usize) else {
            return false;
        };
        for index in 0..(*table).capacity as usize {
            let entry = *(*table).entries.add(index);
            if !entry.key.is_null() {
                *place(entries, capacity, entry.key) = entry;
            }
        }
        free((*table).entries.cast());
        (*table).entries = entries;
        (*table).capacity = capacity;
        true
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsearch_r(
    item: Entry,
    action: c_int,
    result: *mut *mut Entry,
    table: *mut Table,
) -> c_int {
    // SAFETY: the caller's objects; a table that was never created has no entries.
    unsafe {
        *result = null_mut();
        if (*table).entries.is_null() {
            set_errno(ESRCH);
            return 0;
        }
        let mut entry = place((*table).entries, (*table).capacity, item.key);
        if (*entry).key.is_null() {
            if action != ENTER {
                set_errno(ESRCH);
                return 0;
            }
            if 4 * ((*table).used + 1) > 3 * (*table).capacity {
                if !grow(table) {
                    set_errno(ENOMEM);
                    return 0;
                }
                entry = place((*table).entries, (*table).capacity, item.key);
            }
            *entry = item;
            (*table).used += 1;
        }
        *result = entry;
        1
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hsearch(item: Entry, action: c_int) -> *mut Entry {
    let mut result = null_mut();
    // SAFETY: as for `hcreate`.
    unsafe { hsearch_r(item, action, &raw mut result, &raw mut TABLE) };
    result
}

/// A tree node; XSI says that its first word is the key, which programs read.
#[repr(C)]
pub struct TreeNode {
    key: *const c_void,
    children: [*mut TreeNode; 2],
    height: c_int,
}

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;

/// An AVL tree of a billion nodes is 44 high.
const HEIGHT_MAX: usize = 64;

unsafe fn height(node: *const TreeNode) -> c_int {
    // SAFETY: null or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.height)
}

/// Restores the balance of the node that `link` points to (AVL).
unsafe fn balance(link: *mut *mut TreeNode) {
    // SAFETY: the link and the nodes below it are the tree's.
    unsafe {
        let node = *link;
        let heights = (*node).children.map(|child| height(child));
        if (heights[0] - heights[1]).abs() < 2 {
            (*node).height = 1 + heights[0].max(heights[1]);
            return;
        }
        let heavy = usize::from(heights[1] > heights[0]);
        let child = (*node).children[heavy];
        if height((*child).children[heavy]) < height((*child).children[1 - heavy]) {
            rotate(&raw mut (*node).children[heavy], 1 - heavy);
        }
        rotate(link, heavy);
    }
}

/// Lifts the child on `side` above its parent.
unsafe fn rotate(link: *mut *mut TreeNode, side: usize) {
    // SAFETY: the child exists.
    unsafe {
        let parent = *link;
        let child = (*parent).children[side];
        (*parent).children[side] = (*child).children[1 - side];
        (*child).children[1 - side] = parent;
        for node in [parent, child] {
            (*node).height = 1 + height((*node).children[0]).max(height((*node).children[1]));
        }
        *link = child;
    }
}

/// The links from the root to the key's place; the last is the node's, or null.
struct Path {
    links: [*mut *mut TreeNode; HEIGHT_MAX],
    length: usize,
}

unsafe fn path_to(key: *const c_void, root: *mut *mut TreeNode, compare: Compare) -> Path {
    let mut path = Path {
        links: [null_mut(); HEIGHT_MAX],
        length: 0,
    };
    let mut link = root;
    // SAFETY: the caller's tree.
    unsafe {
        loop {
            path.links[path.length] = link;
            path.length += 1;
            let node = *link;
            if node.is_null() || path.length == HEIGHT_MAX {
                return path;
            }
            match compare(key, (*node).key) {
                0 => return path,
                order => link = &raw mut (*node).children[usize::from(order > 0)],
            }
        }
    }
}

unsafe fn rebalance(path: &Path, length: usize) {
    for &link in path.links[..length].iter().rev() {
        // SAFETY: the links are the tree's.
        unsafe {
            if !(*link).is_null() {
                balance(link);
            }
        }
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tsearch(
    key: *const c_void,
    root: *mut *mut TreeNode,
    compare: Compare,
) -> *mut TreeNode {
    if root.is_null() {
        return null_mut();
    }
    // SAFETY: the caller's tree.
    unsafe {
        let path = path_to(key, root, compare);
        let link = path.links[path.length - 1];
        if !(*link).is_null() {
            return *link;
        }
        let node = malloc(size_of::<TreeNode>()).cast::<TreeNode>();
        if node.is_null() {
            return null_mut();
        }
        node.write(TreeNode {
            key,
            children: [null_mut(); 2],
            height: 1,
        });
        *link = node;
        rebalance(&path, path.length - 1);
        node
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tfind(
    key: *const c_void,
    root: *const *mut TreeNode,
    compare: Compare,
) -> *mut TreeNode {
    if root.is_null() {
        return null_mut();
    }
    // SAFETY: the caller's tree, which is not changed.
    unsafe {
        let path = path_to(key, root.cast_mut(), compare);
        *path.links[path.length - 1]
    }
}

/// XSI: returns the parent (or something that is not null for the root).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tdelete(
    key: *const c_void,
    root: *mut *mut TreeNode,
    compare: Compare,
) -> *mut c_void {
    if root.is_null() {
        return null_mut();
    }
    // SAFETY: the caller's tree.
    unsafe {
        let mut path = path_to(key, root, compare);
        let link = path.links[path.length - 1];
        let node = *link;
        if node.is_null() {
            return null_mut();
        }
        let parent = if path.length > 1 {
            (*path.links[path.length - 2]).cast()
        } else {
            root.cast()
        };
        if (*node).children[0].is_null() {
            *link = (*node).children[1];
            free(node.cast());
        } else {
            // The largest of the left side takes the key's place.
            let mut below = &raw mut (*node).children[0];
            loop {
                path.links[path.length] = below;
                path.length += 1;
                if (**below).children[1].is_null() {
                    break;
                }
                below = &raw mut (**below).children[1];
            }
            let last = *below;
            (*node).key = (*last).key;
            *below = (*last).children[0];
            free(last.cast());
        }
        rebalance(&path, path.length);
        parent
    }
}

/// `VISIT`.
const PREORDER: c_int = 0;
const POSTORDER: c_int = 1;
const ENDORDER: c_int = 2;
const LEAF: c_int = 3;

type Visit = unsafe extern "C" fn(*const TreeNode, c_int, c_int);

unsafe fn walk(node: *const TreeNode, visit: Visit, depth: c_int) {
    // SAFETY: the caller's tree; its height bounds the recursion.
    unsafe {
        if node.is_null() {
            return;
        }
        if (*node).height == 1 {
            return visit(node, LEAF, depth);
        }
        visit(node, PREORDER, depth);
        walk((*node).children[0], visit, depth + 1);
        visit(node, POSTORDER, depth);
        walk((*node).children[1], visit, depth + 1);
        visit(node, ENDORDER, depth);
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn twalk(root: *const TreeNode, visit: Visit) {
    // SAFETY: the caller's tree.
    unsafe { walk(root, visit, 0) }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tdestroy(
    root: *mut TreeNode,
    release: Option<unsafe extern "C" fn(*mut c_void)>,
) {
    // SAFETY: the caller's tree, which is gone after this.
    unsafe {
        if root.is_null() {
            return;
        }
        for child in (*root).children {
            tdestroy(child, release);
        }
        if let Some(release) = release {
            release((*root).key.cast_mut());
        }
        free(root.cast());
    }
}
