//! Page tables, physical frames and copies of user memory.
#![no_std]
