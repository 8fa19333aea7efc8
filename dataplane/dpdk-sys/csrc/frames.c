/* The frame path: mbufs become rooms, and rooms become mbufs. */
#include "shim.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

/* As many as a burst has, at most: BURST_MAX of the port crate. */
#define BURST_MAX 64

static inline void room_of(struct rte_mbuf *mbuf, struct qm_room *room)
{
	room->mbuf = mbuf;
	room->base = mbuf->buf_addr;
	room->len = mbuf->buf_len;
	room->start = mbuf->data_off;
	room->end = mbuf->data_off + mbuf->data_len;
}

uint16_t qm_rx_burst(uint16_t port, uint16_t queue, struct qm_room *rooms, uint16_t count)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t received =
		rte_eth_rx_burst(port, queue, mbufs, RTE_MIN(count, (uint16_t)BURST_MAX));

	for (uint16_t i = 0; i < received; i++) {
		struct rte_mbuf *mbuf = mbufs[i];
		int is_whole = mbuf->nb_segs == 1;

		/* A tag that the driver took out, though nobody asked it to, goes back in. */
		if (unlikely(mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED))
			is_whole = is_whole && rte_vlan_insert(&mbuf) == 0;
		room_of(mbuf, &rooms[i]);
		rooms[i].is_whole = (uint16_t)is_whole;
	}
	return received;
}

uint16_t qm_tx_burst(uint16_t port, uint16_t queue, const struct qm_room *rooms, uint16_t count)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t sent;

	count = RTE_MIN(count, (uint16_t)BURST_MAX);
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = rooms[i].mbuf;

		mbuf->data_off = rooms[i].start;
		mbuf->data_len = rooms[i].end - rooms[i].start;
		mbuf->pkt_len = mbuf->data_len;
		/* What the receiver said of the frame is no order to the sender. */
		mbuf->ol_flags = 0;
		mbufs[i] = mbuf;
	}
	sent = rte_eth_tx_burst(port, queue, mbufs, count);
	for (uint16_t i = sent; i < count; i++)
		rte_pktmbuf_free_seg(mbufs[i]);
	return sent;
}

int qm_mbuf_new(struct rte_mempool *pool, struct qm_room *room)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

	if (mbuf == NULL)
		return -ENOBUFS;
	room_of(mbuf, room);
	room->is_whole = 1;
	return 0;
}

void qm_mbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}
