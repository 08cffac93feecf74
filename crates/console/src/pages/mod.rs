//! One file a screen: the flat page that its template renders, and the handlers that answer with it.
//!
//! A page is made of a view of `app` and nothing else, with every date, state and number already in words.

pub(crate) mod access;
pub(crate) mod access_ask;
pub(crate) mod administrators;
pub(crate) mod alerts;
pub(crate) mod cases;
pub(crate) mod choose_password;
pub(crate) mod class_badges;
pub(crate) mod class_child;
pub(crate) mod classes;
pub(crate) mod explain;
pub(crate) mod exports;
pub(crate) mod factors;
pub(crate) mod fields;
mod frame;
pub(crate) mod history;
pub(crate) mod history_counts;
pub(crate) mod holds;
pub(crate) mod home;
pub(crate) mod imports;
pub(crate) mod inspection;
pub(crate) mod lists;
pub(crate) mod my_account;
pub(crate) mod people;
pub(crate) mod people_new;
pub(crate) mod people_reset;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod second_step;
pub(crate) mod sign_in;
pub(crate) mod visitors;
pub(crate) mod web;
pub(crate) mod web_badge;
pub(crate) mod web_pictures;
pub(crate) mod weekly;

pub(crate) use frame::Frame;
