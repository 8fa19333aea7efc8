/* What the Rust side sees of DPDK. The contract of each function is told in src/lib.rs.
 *
 * DPDK's frame path is inline code over large structs that differ between its versions, so it
 * cannot be called from Rust. Here it becomes calls of a burst at a time, over structs that are
 * ours. Functions that can fail return 0 or a negative errno. */
#ifndef QMACSEC_DPDK_SHIM_H
#define QMACSEC_DPDK_SHIM_H

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* An mbuf of one piece: where its memory is, and where the frame is in it. */
struct qm_room {
	struct rte_mbuf *mbuf;
	uint8_t *base;
	uint16_t len;
	uint16_t start;
	uint16_t end;
	uint16_t is_whole; /* 0: a chain of mbufs, or a VLAN tag that could not be put back */
};

struct qm_facts {
	uint8_t mac[6];
	uint16_t mtu_min;
	uint16_t mtu_max;
	uint16_t rx_queues_max;
	uint16_t tx_queues_max;
	int32_t socket; /* NUMA node, -1: any */
};

struct qm_setup {
	uint16_t queues;
	uint16_t rx_descriptors;
	uint16_t tx_descriptors;
	uint16_t mtu; /* 0: as the driver has it */
	struct rte_mempool *const *pools; /* one per queue */
};

struct qm_look {
	uint64_t missed;    /* the rx ring was full */
	uint64_t errors;    /* found wrong by the device */
	uint64_t no_mbuf;   /* the pool was empty */
	uint8_t is_up;
	uint8_t is_removed;
	uint16_t mtu;
};

typedef void (*qm_hear)(const char *text, size_t len);

int qm_log_to(qm_hear hear);
int qm_eal_start(int argc, char **argv);
int qm_thread_register(void);
void qm_thread_unregister(void);

struct rte_mempool *qm_pool_new(const char *name, uint32_t mbufs, uint16_t data_room,
				int socket, int *error);
void qm_pool_delete(struct rte_mempool *pool);
uint32_t qm_pool_free(const struct rte_mempool *pool);

int qm_device_probe(const char *devargs, uint16_t *port);
int qm_device_facts(uint16_t port, struct qm_facts *facts);
int qm_device_start(uint16_t port, const struct qm_setup *setup, const char **step);
void qm_device_look(uint16_t port, struct qm_look *look);
int qm_device_set_link(uint16_t port, int up);
void qm_device_remove(uint16_t port);

uint16_t qm_rx_burst(uint16_t port, uint16_t queue, struct qm_room *rooms, uint16_t count);
uint16_t qm_tx_burst(uint16_t port, uint16_t queue, const struct qm_room *rooms, uint16_t count);
int qm_mbuf_new(struct rte_mempool *pool, struct qm_room *room);
void qm_mbuf_free(struct rte_mbuf *mbuf);

#endif
