/* The rest: EAL, threads, pools, devices. */
#define _GNU_SOURCE /* fopencookie */
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* What is spread over queues by the addresses and ports of a frame. */
#define SPREAD (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_L2_PAYLOAD)
/* mbufs that each thread keeps at hand. */
#define POOL_CACHE 256

static qm_hear hear_line;

static ssize_t hear(void *cookie, const char *text, size_t len)
{
	(void)cookie;
	hear_line(text, len);
	return (ssize_t)len;
}

int qm_log_to(qm_hear sink)
{
	FILE *stream;

	hear_line = sink;
	stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = hear });
	if (stream == NULL)
		return -errno;
	setvbuf(stream, NULL, _IOLBF, 1024);
	return rte_openlog_stream(stream);
}

int qm_eal_start(int argc, char **argv)
{
	return rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
}

int qm_thread_register(void)
{
	return rte_thread_register() < 0 ? -rte_errno : 0;
}

void qm_thread_unregister(void)
{
	rte_thread_unregister();
}

struct rte_mempool *qm_pool_new(const char *name, uint32_t mbufs, uint16_t data_room,
				int socket, int *error)
{
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create(name, mbufs, POOL_CACHE, 0, data_room, socket);

	*error = pool == NULL ? -rte_errno : 0;
	return pool;
}

void qm_pool_delete(struct rte_mempool *pool)
{
	rte_mempool_free(pool);
}

uint32_t qm_pool_free(const struct rte_mempool *pool)
{
	return rte_mempool_avail_count(pool);
}

int qm_device_probe(const char *devargs, uint16_t *port)
{
	struct rte_dev_iterator iterator;
	int failed = rte_dev_probe(devargs);
	uint16_t found;

	if (failed != 0 && failed != -EEXIST)
		return failed;
	RTE_ETH_FOREACH_MATCHING_DEV(found, devargs, &iterator) {
		rte_eth_iterator_cleanup(&iterator);
		*port = found;
		return 0;
	}
	return -ENODEV;
}

int qm_device_facts(uint16_t port, struct qm_facts *facts)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int failed = rte_eth_dev_info_get(port, &info);

	if (failed == 0)
		failed = rte_eth_macaddr_get(port, &mac);
	if (failed != 0)
		return failed;
	memcpy(facts->mac, mac.addr_bytes, sizeof(facts->mac));
	facts->mtu_min = info.min_mtu;
	facts->mtu_max = info.max_mtu;
	facts->rx_queues_max = info.max_rx_queues;
	facts->tx_queues_max = info.max_tx_queues;
	facts->socket = rte_eth_dev_socket_id(port);
	return 0;
}

int qm_device_start(uint16_t port, const struct qm_setup *setup, const char **step)
{
	struct rte_eth_conf conf = { .rxmode = { .mtu = setup->mtu } };
	struct rte_eth_dev_info info;
	uint16_t rx_descriptors = setup->rx_descriptors;
	uint16_t tx_descriptors = setup->tx_descriptors;
	int socket = rte_eth_dev_socket_id(port);
	int failed;

	*step = "asking what it can do";
	failed = rte_eth_dev_info_get(port, &info);
	if (failed != 0)
		return failed;
	if (setup->queues > 1 && (info.flow_type_rss_offloads & SPREAD) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & SPREAD;
	}
	*step = "configuring queues and MTU";
	failed = rte_eth_dev_configure(port, setup->queues, setup->queues, &conf);
	if (failed != 0)
		return failed;
	*step = "choosing the length of its rings";
	failed = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx_descriptors, &tx_descriptors);
	if (failed != 0)
		return failed;
	for (uint16_t queue = 0; queue < setup->queues; queue++) {
		*step = "setting up an rx queue";
		failed = rte_eth_rx_queue_setup(port, queue, rx_descriptors, socket, NULL,
						setup->pools[queue]);
		if (failed != 0)
			return failed;
		*step = "setting up a tx queue";
		failed = rte_eth_tx_queue_setup(port, queue, tx_descriptors, socket, NULL);
		if (failed != 0)
			return failed;
	}
	*step = "starting it";
	failed = rte_eth_dev_start(port);
	if (failed != 0)
		return failed;
	/* A device without addresses to filter (net_null, net_ring) cannot, and need not. */
	*step = "receiving frames to any address";
	failed = rte_eth_promiscuous_enable(port);
	if (failed != 0 && failed != -ENOTSUP)
		return failed;
	/* A driver may say yes and filter all the same. */
	if (failed == 0 && rte_eth_promiscuous_get(port) != 1)
		return -EIO;
	/* Rekey frames go to a group; on some virtual functions groups are a mode of their own. */
	failed = rte_eth_allmulticast_enable(port);
	if (failed != 0 && failed != -ENOTSUP)
		return failed;
	(void)rte_eth_stats_reset(port);
	return 0;
}

void qm_device_look(uint16_t port, struct qm_look *look)
{
	struct rte_eth_stats stats;
	struct rte_eth_link link;

	if (rte_eth_stats_get(port, &stats) == 0) {
		look->missed = stats.imissed;
		look->errors = stats.ierrors;
		look->no_mbuf = stats.rx_nombuf;
	}
	if (rte_eth_link_get_nowait(port, &link) == 0)
		look->is_up = link.link_status == RTE_ETH_LINK_UP;
	look->is_removed = rte_eth_dev_is_removed(port) != 0;
	(void)rte_eth_dev_get_mtu(port, &look->mtu);
}

int qm_device_set_link(uint16_t port, int up)
{
	return up ? rte_eth_dev_set_link_up(port) : rte_eth_dev_set_link_down(port);
}

void qm_device_remove(uint16_t port)
{
	struct rte_eth_dev_info info;
	int known = rte_eth_dev_info_get(port, &info) == 0;

	/* net_af_packet leaves its interface in promiscuous mode otherwise. */
	(void)rte_eth_promiscuous_disable(port);
	(void)rte_eth_dev_stop(port);
	/* Closes it, gives its mbufs back, and lets it be probed again. */
	if (!known || rte_dev_remove(info.device) != 0)
		(void)rte_eth_dev_close(port);
}
