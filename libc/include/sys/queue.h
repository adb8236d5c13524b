/* <sys/queue.h>: linked lists as macros (BSD) */
#ifndef _SYS_QUEUE_H
#define _SYS_QUEUE_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLIST_HEAD(name, type) struct name { struct type *slh_first; }
#define SLIST_HEAD_INITIALIZER(head) { 0 }
#define SLIST_ENTRY(type) struct { struct type *sle_next; }
#define SLIST_FIRST(head) ((head)->slh_first)
#define SLIST_EMPTY(head) ((head)->slh_first == 0)
#define SLIST_NEXT(element, field) ((element)->field.sle_next)
#define SLIST_INIT(head) ((head)->slh_first = 0)
#define SLIST_FOREACH(var, head, field) for ((var) = (head)->slh_first; (var); (var) = (var)->field.sle_next)
#define SLIST_INSERT_HEAD(head, element, field) do { (element)->field.sle_next = (head)->slh_first; (head)->slh_first = (element); } while (0)
#define SLIST_INSERT_AFTER(after, element, field) do { (element)->field.sle_next = (after)->field.sle_next; (after)->field.sle_next = (element); } while (0)
#define SLIST_REMOVE_HEAD(head, field) ((head)->slh_first = (head)->slh_first->field.sle_next)
#define SLIST_REMOVE(head, element, type, field) do { \
	struct type **__link = &(head)->slh_first; \
	while (*__link != (element)) __link = &(*__link)->field.sle_next; \
	*__link = (element)->field.sle_next; } while (0)
#define LIST_HEAD(name, type) struct name { struct type *lh_first; }
#define LIST_HEAD_INITIALIZER(head) { 0 }
#define LIST_ENTRY(type) struct { struct type *le_next, **le_prev; }
#define LIST_FIRST(head) ((head)->lh_first)
#define LIST_EMPTY(head) ((head)->lh_first == 0)
#define LIST_NEXT(element, field) ((element)->field.le_next)
#define LIST_INIT(head) ((head)->lh_first = 0)
#define LIST_FOREACH(var, head, field) for ((var) = (head)->lh_first; (var); (var) = (var)->field.le_next)
#define LIST_FOREACH_SAFE(var, head, field, next) for ((var) = (head)->lh_first; (var) && ((next) = (var)->field.le_next, 1); (var) = (next))
#define LIST_INSERT_HEAD(head, element, field) do { \
	if (((element)->field.le_next = (head)->lh_first)) (head)->lh_first->field.le_prev = &(element)->field.le_next; \
	(head)->lh_first = (element); (element)->field.le_prev = &(head)->lh_first; } while (0)
#define LIST_INSERT_AFTER(after, element, field) do { \
	if (((element)->field.le_next = (after)->field.le_next)) (after)->field.le_next->field.le_prev = &(element)->field.le_next; \
	(after)->field.le_next = (element); (element)->field.le_prev = &(after)->field.le_next; } while (0)
#define LIST_INSERT_BEFORE(before, element, field) do { \
	(element)->field.le_prev = (before)->field.le_prev; (element)->field.le_next = (before); \
	*(before)->field.le_prev = (element); (before)->field.le_prev = &(element)->field.le_next; } while (0)
#define LIST_REMOVE(element, field) do { \
	if ((element)->field.le_next) (element)->field.le_next->field.le_prev = (element)->field.le_prev; \
	*(element)->field.le_prev = (element)->field.le_next; } while (0)
#define STAILQ_HEAD(name, type) struct name { struct type *stqh_first, **stqh_last; }
#define STAILQ_HEAD_INITIALIZER(head) { 0, &(head).stqh_first }
#define STAILQ_ENTRY(type) struct { struct type *stqe_next; }
#define STAILQ_FIRST(head) ((head)->stqh_first)
#define STAILQ_EMPTY(head) ((head)->stqh_first == 0)
#define STAILQ_NEXT(element, field) ((element)->field.stqe_next)
#define STAILQ_INIT(head) do { (head)->stqh_first = 0; (head)->stqh_last = &(head)->stqh_first; } while (0)
#define STAILQ_FOREACH(var, head, field) for ((var) = (head)->stqh_first; (var); (var) = (var)->field.stqe_next)
#define STAILQ_INSERT_HEAD(head, element, field) do { \
	if (!((element)->field.stqe_next = (head)->stqh_first)) (head)->stqh_last = &(element)->field.stqe_next; \
	(head)->stqh_first = (element); } while (0)
#define STAILQ_INSERT_TAIL(head, element, field) do { \
	(element)->field.stqe_next = 0; *(head)->stqh_last = (element); (head)->stqh_last = &(element)->field.stqe_next; } while (0)
#define STAILQ_REMOVE_HEAD(head, field) do { \
	if (!((head)->stqh_first = (head)->stqh_first->field.stqe_next)) (head)->stqh_last = &(head)->stqh_first; } while (0)
#define TAILQ_HEAD(name, type) struct name { struct type *tqh_first, **tqh_last; }
#define TAILQ_HEAD_INITIALIZER(head) { 0, &(head).tqh_first }
#define TAILQ_ENTRY(type) struct { struct type *tqe_next, **tqe_prev; }
#define TAILQ_FIRST(head) ((head)->tqh_first)
#define TAILQ_EMPTY(head) ((head)->tqh_first == 0)
#define TAILQ_NEXT(element, field) ((element)->field.tqe_next)
#define TAILQ_LAST(head, headname) (*(((struct headname *)((head)->tqh_last))->tqh_last))
#define TAILQ_PREV(element, headname, field) (*(((struct headname *)((element)->field.tqe_prev))->tqh_last))
#define TAILQ_INIT(head) do { (head)->tqh_first = 0; (head)->tqh_last = &(head)->tqh_first; } while (0)
#define TAILQ_FOREACH(var, head, field) for ((var) = (head)->tqh_first; (var); (var) = (var)->field.tqe_next)
#define TAILQ_FOREACH_REVERSE(var, head, headname, field) for ((var) = TAILQ_LAST(head, headname); (var); (var) = TAILQ_PREV(var, headname, field))
#define TAILQ_FOREACH_SAFE(var, head, field, next) for ((var) = (head)->tqh_first; (var) && ((next) = (var)->field.tqe_next, 1); (var) = (next))
#define TAILQ_INSERT_HEAD(head, element, field) do { \
	if (((element)->field.tqe_next = (head)->tqh_first)) (head)->tqh_first->field.tqe_prev = &(element)->field.tqe_next; \
	else (head)->tqh_last = &(element)->field.tqe_next; \
	(head)->tqh_first = (element); (element)->field.tqe_prev = &(head)->tqh_first; } while (0)
#define TAILQ_INSERT_TAIL(head, element, field) do { \
	(element)->field.tqe_next = 0; (element)->field.tqe_prev = (head)->tqh_last; \
	*(head)->tqh_last = (element); (head)->tqh_last = &(element)->field.tqe_next; } while (0)
#define TAILQ_INSERT_AFTER(head, after, element, field) do { \
	if (((element)->field.tqe_next = (after)->field.tqe_next)) (element)->field.tqe_next->field.tqe_prev = &(element)->field.tqe_next; \
	else (head)->tqh_last = &(element)->field.tqe_next; \
	(after)->field.tqe_next = (element); (element)->field.tqe_prev = &(after)->field.tqe_next; } while (0)
#define TAILQ_INSERT_BEFORE(before, element, field) do { \
	(element)->field.tqe_prev = (before)->field.tqe_prev; (element)->field.tqe_next = (before); \
	*(before)->field.tqe_prev = (element); (before)->field.tqe_prev = &(element)->field.tqe_next; } while (0)
#define TAILQ_REMOVE(head, element, field) do { \
	if ((element)->field.tqe_next) (element)->field.tqe_next->field.tqe_prev = (element)->field.tqe_prev; \
	else (head)->tqh_last = (element)->field.tqe_prev; \
	*(element)->field.tqe_prev = (element)->field.tqe_next; } while (0)

#ifdef __cplusplus
}
#endif

#endif
