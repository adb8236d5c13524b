//! The interfaces between servers and their clients, declared once.
#![no_std]
