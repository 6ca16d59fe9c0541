/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_keys - every key of open-iscsi's iface, node and send_targets records.
 *
 * One line a key, in the order in which iscsiadm writes a node record; the order of an
 * iface record stands in record.c. Taken from what iscsiadm 2.1.8 writes and shows
 * (tests/db) and from the field lists of the releases 2.0-871 to 2.1.11.
 *
 * AB_RECORD_KEYS(X) calls X(ID, "name", TYPE, SIZE, "default", WORDS, KINDS, FLAG):
 * TYPE     AB_RECORD_T_TYPE
 * SIZE     bytes that open-iscsi keeps of a value, terminator included
 * default  the compiled-in value of a missing key, "" for none
 * WORDS    AB_RECORD_W_WORDS, '|' between them, for T_WORD and T_LIST
 * KINDS    AB_RECORD_K_KINDS: the records that have it; _OLD: since 2.0-871 at least
 * FLAG     AB_RECORD_F_FLAG
 */
#ifndef AUTOBIND_CORE_RECORD_KEYS_H
#define AUTOBIND_CORE_RECORD_KEYS_H

/* What a value is, and how open-iscsi reads it. */
enum ab_record_type {
	AB_RECORD_T_TEXT,
	AB_RECORD_T_INT, /* strtoul() cut to int: "abc" is 0, 2^32 + 1 is 1 */
	AB_RECORD_T_U32,
	AB_RECORD_T_U16,
	AB_RECORD_T_U8,
	AB_RECORD_T_WORD, /* one of WORDS, case counts; else the default */
	AB_RECORD_T_LIST, /* some of WORDS, in order of preference */
};

/* Kinds of records, as bits of the table; iface keys are in node records, too. */
#define AB_RECORD_IN_IFACE 1u
#define AB_RECORD_IN_NODE 2u
#define AB_RECORD_IN_ST 4u
#define AB_RECORD_IN_OLD 8u /* every release since 2.0-871 knows the key */

#define AB_RECORD_K_IFACE (AB_RECORD_IN_IFACE | AB_RECORD_IN_NODE)
#define AB_RECORD_K_IFACE_OLD (AB_RECORD_K_IFACE | AB_RECORD_IN_OLD)
#define AB_RECORD_K_NODE AB_RECORD_IN_NODE
#define AB_RECORD_K_NODE_OLD (AB_RECORD_IN_NODE | AB_RECORD_IN_OLD)
#define AB_RECORD_K_BOTH (AB_RECORD_IN_NODE | AB_RECORD_IN_ST)
#define AB_RECORD_K_ST_OLD (AB_RECORD_IN_ST | AB_RECORD_IN_OLD)

#define AB_RECORD_F_PLAIN 0u
#define AB_RECORD_F_FIXED 1u   /* finds the record: cannot be changed afterwards */
#define AB_RECORD_F_SECRET 2u  /* never shown */
#define AB_RECORD_F_HIDDEN 4u  /* open-iscsi reads it and never writes it */
#define AB_RECORD_F_V4 8u      /* only where open-iscsi takes the iface for IPv4 */
#define AB_RECORD_F_V6 16u     /* ... for IPv6 */
#define AB_RECORD_F_DRIFTS 32u /* its default differs between releases */

#define AB_RECORD_W_NONE ""
#define AB_RECORD_W_NO_YES "No|Yes"
#define AB_RECORD_W_STARTUP "manual|automatic|onboot"
#define AB_RECORD_W_SCAN "manual|auto"
#define AB_RECORD_W_AUTH "None|CHAP"
#define AB_RECORD_W_CHAP_ALGS "MD5|SHA1|SHA256|SHA3-256"
#define AB_RECORD_W_DIGEST "None|CRC32C|CRC32C,None|None,CRC32C"
#define AB_RECORD_W_DISC_STARTUP "manual|automatic"
#define AB_RECORD_W_DISC_TYPE "sendtargets|isns|offload_send_targets|slp|static|fw"
#define AB_RECORD_W_DISC_OF_NODE "send_targets|isns|offload_send_targets|slp|static|fw"

/* clang-format off */
#define AB_RECORD_KEYS(X) \
	X(NODE_NAME, "node.name", TEXT, 224, "", NONE, NODE_OLD, FIXED) \
	X(NODE_TPGT, "node.tpgt", INT, 12, "-1", NONE, NODE_OLD, FIXED) \
	X(NODE_STARTUP, "node.startup", WORD, 12, "manual", STARTUP, NODE_OLD, PLAIN) \
	X(NODE_LEADING_LOGIN, "node.leading_login", \
	  WORD, 4, "No", NO_YES, NODE, PLAIN) \
	X(IFACE_HWADDRESS, "iface.hwaddress", TEXT, 18, "", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_IPADDRESS, "iface.ipaddress", TEXT, 256, "", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_NAME, "iface.iscsi_ifacename", TEXT, 65, "", NONE, IFACE_OLD, FIXED) \
	X(IFACE_NET_IFACENAME, "iface.net_ifacename", \
	  TEXT, 16, "", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_GATEWAY, "iface.gateway", TEXT, 256, "", NONE, IFACE_OLD, V4) \
	X(IFACE_SUBNET_MASK, "iface.subnet_mask", TEXT, 256, "", NONE, IFACE_OLD, V4) \
	X(IFACE_PREFIX_LEN, "iface.prefix_len", U8, 4, "0", NONE, IFACE, PLAIN) \
	X(IFACE_TRANSPORT_NAME, "iface.transport_name", \
	  TEXT, 16, "tcp", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_INITIATORNAME, "iface.initiatorname", \
	  TEXT, 224, "", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_STATE, "iface.state", TEXT, 80, "", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_VLAN_ID, "iface.vlan_id", U16, 6, "0", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_VLAN_PRIORITY, "iface.vlan_priority", \
	  U8, 4, "0", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_VLAN_STATE, "iface.vlan_state", TEXT, 80, "", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_IFACE_NUM, "iface.iface_num", INT, 12, "0", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_MTU, "iface.mtu", U16, 6, "0", NONE, IFACE, PLAIN) \
	X(IFACE_PORT, "iface.port", U16, 6, "0", NONE, IFACE_OLD, PLAIN) \
	X(IFACE_BOOTPROTO, "iface.bootproto", TEXT, 80, "", NONE, IFACE_OLD, V4) \
	X(IFACE_DHCP_ALT_CLIENT_ID_STATE, "iface.dhcp_alt_client_id_state", \
	  TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_ALT_CLIENT_ID, "iface.dhcp_alt_client_id", \
	  TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_DNS, "iface.dhcp_dns", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_LEARN_IQN, "iface.dhcp_learn_iqn", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_REQ_VENDOR_ID_STATE, "iface.dhcp_req_vendor_id_state", \
	  TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_VENDOR_ID_STATE, "iface.dhcp_vendor_id_state", \
	  TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_VENDOR_ID, "iface.dhcp_vendor_id", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_DHCP_SLP_DA, "iface.dhcp_slp_da", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_FRAGMENTATION, "iface.fragmentation", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_GRATUITOUS_ARP, "iface.gratuitous_arp", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_INCOMING_FORWARDING, "iface.incoming_forwarding", \
	  TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_TOS_STATE, "iface.tos_state", TEXT, 80, "", NONE, IFACE, V4) \
	X(IFACE_TOS, "iface.tos", U8, 4, "0", NONE, IFACE, V4) \
	X(IFACE_TTL, "iface.ttl", U8, 4, "0", NONE, IFACE, V4) \
	X(IFACE_IPV6_AUTOCFG, "iface.ipv6_autocfg", TEXT, 80, "", NONE, IFACE_OLD, V6) \
	X(IFACE_LINKLOCAL_AUTOCFG, "iface.linklocal_autocfg", \
	  TEXT, 80, "", NONE, IFACE_OLD, V6) \
	X(IFACE_ROUTER_AUTOCFG, "iface.router_autocfg", \
	  TEXT, 80, "", NONE, IFACE_OLD, V6) \
	X(IFACE_IPV6_LINKLOCAL, "iface.ipv6_linklocal", \
	  TEXT, 256, "", NONE, IFACE_OLD, V6) \
	X(IFACE_IPV6_ROUTER, "iface.ipv6_router", TEXT, 256, "", NONE, IFACE_OLD, V6) \
	X(IFACE_DUP_ADDR_DETECT_CNT, "iface.dup_addr_detect_cnt", \
	  U8, 4, "0", NONE, IFACE, V6) \
	X(IFACE_FLOW_LABEL, "iface.flow_label", U32, 11, "0", NONE, IFACE, V6) \
	X(IFACE_GRATUITOUS_NEIGHBOR_ADV, "iface.gratuitous_neighbor_adv", \
	  TEXT, 80, "", NONE, IFACE, V6) \
	X(IFACE_HOP_LIMIT, "iface.hop_limit", U8, 4, "0", NONE, IFACE, V6) \
	X(IFACE_MLD, "iface.mld", TEXT, 80, "", NONE, IFACE, V6) \
	X(IFACE_ND_REACHABLE_TMO, "iface.nd_reachable_tmo", \
	  U32, 11, "0", NONE, IFACE, V6) \
	X(IFACE_ND_REXMIT_TIME, "iface.nd_rexmit_time", U32, 11, "0", NONE, IFACE, V6) \
	X(IFACE_ND_STALE_TMO, "iface.nd_stale_tmo", U32, 11, "0", NONE, IFACE, V6) \
	X(IFACE_ROUTER_ADV_LINK_MTU, "iface.router_adv_link_mtu", \
	  U32, 11, "0", NONE, IFACE, V6) \
	X(IFACE_TRAFFIC_CLASS, "iface.traffic_class", U8, 4, "0", NONE, IFACE, V6) \
	X(IFACE_DELAYED_ACK, "iface.delayed_ack", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_TCP_NAGLE, "iface.tcp_nagle", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_TCP_WSF_STATE, "iface.tcp_wsf_state", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_TCP_WSF, "iface.tcp_wsf", U8, 4, "0", NONE, IFACE, PLAIN) \
	X(IFACE_TCP_TIMER_SCALE, "iface.tcp_timer_scale", \
	  U8, 4, "0", NONE, IFACE, PLAIN) \
	X(IFACE_TCP_TIMESTAMP, "iface.tcp_timestamp", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_REDIRECT, "iface.redirect", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_DEF_TASK_MGMT_TIMEOUT, "iface.def_task_mgmt_timeout", \
	  U16, 6, "0", NONE, IFACE, PLAIN) \
	X(IFACE_HEADER_DIGEST, "iface.header_digest", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_DATA_DIGEST, "iface.data_digest", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_IMMEDIATE_DATA, "iface.immediate_data", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_INITIAL_R2T, "iface.initial_r2t", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_DATA_SEQ_INORDER, "iface.data_seq_inorder", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_DATA_PDU_INORDER, "iface.data_pdu_inorder", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_ERL, "iface.erl", U8, 4, "0", NONE, IFACE, PLAIN) \
	X(IFACE_MAX_RECEIVE_DATA_LEN, "iface.max_receive_data_len", \
	  U32, 11, "0", NONE, IFACE, PLAIN) \
	X(IFACE_FIRST_BURST_LEN, "iface.first_burst_len", \
	  U32, 11, "0", NONE, IFACE, PLAIN) \
	X(IFACE_MAX_OUTSTANDING_R2T, "iface.max_outstanding_r2t", \
	  U16, 6, "0", NONE, IFACE, PLAIN) \
	X(IFACE_MAX_BURST_LEN, "iface.max_burst_len", \
	  U32, 11, "0", NONE, IFACE, PLAIN) \
	X(IFACE_CHAP_AUTH, "iface.chap_auth", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_BIDI_CHAP, "iface.bidi_chap", TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_STRICT_LOGIN_COMPLIANCE, "iface.strict_login_compliance", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_DISCOVERY_AUTH, "iface.discovery_auth", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(IFACE_DISCOVERY_LOGOUT, "iface.discovery_logout", \
	  TEXT, 80, "", NONE, IFACE, PLAIN) \
	X(NODE_DISCOVERY_ADDRESS, "node.discovery_address", \
	  TEXT, 256, "", NONE, NODE_OLD, FIXED) \
	X(NODE_DISCOVERY_PORT, "node.discovery_port", \
	  INT, 12, "0", NONE, NODE_OLD, FIXED) \
	X(NODE_DISCOVERY_TYPE, "node.discovery_type", \
	  WORD, 24, "static", DISC_OF_NODE, NODE_OLD, FIXED) \
	X(SESSION_INITIAL_CMDSN, "node.session.initial_cmdsn", \
	  INT, 12, "0", NONE, NODE_OLD, PLAIN) \
	X(SESSION_INITIAL_LOGIN_RETRY_MAX, "node.session.initial_login_retry_max", \
	  INT, 12, "4", NONE, NODE_OLD, PLAIN) \
	X(SESSION_XMIT_THREAD_PRIORITY, "node.session.xmit_thread_priority", \
	  INT, 12, "0", NONE, NODE_OLD, DRIFTS) \
	X(SESSION_CMDS_MAX, "node.session.cmds_max", \
	  INT, 12, "128", NONE, NODE_OLD, PLAIN) \
	X(SESSION_QUEUE_DEPTH, "node.session.queue_depth", \
	  INT, 12, "32", NONE, NODE_OLD, PLAIN) \
	X(SESSION_NR_SESSIONS, "node.session.nr_sessions", \
	  INT, 12, "1", NONE, NODE_OLD, PLAIN) \
	X(AUTH_AUTHMETHOD, "node.session.auth.authmethod", \
	  WORD, 8, "None", AUTH, NODE_OLD, PLAIN) \
	X(AUTH_USERNAME, "node.session.auth.username", \
	  TEXT, 256, "", NONE, NODE_OLD, PLAIN) \
	X(AUTH_PASSWORD, "node.session.auth.password", \
	  TEXT, 256, "", NONE, NODE_OLD, SECRET) \
	X(AUTH_PASSWORD_LENGTH, "node.session.auth.password_length", \
	  INT, 12, "0", NONE, NODE_OLD, HIDDEN) \
	X(AUTH_USERNAME_IN, "node.session.auth.username_in", \
	  TEXT, 256, "", NONE, NODE_OLD, PLAIN) \
	X(AUTH_PASSWORD_IN, "node.session.auth.password_in", \
	  TEXT, 256, "", NONE, NODE_OLD, SECRET) \
	X(AUTH_PASSWORD_IN_LENGTH, "node.session.auth.password_in_length", \
	  INT, 12, "0", NONE, NODE_OLD, HIDDEN) \
	X(AUTH_CHAP_ALGS, "node.session.auth.chap_algs", \
	  LIST, 40, "MD5", CHAP_ALGS, BOTH, PLAIN) \
	X(SESSION_REPLACEMENT_TIMEOUT, "node.session.timeo.replacement_timeout", \
	  INT, 12, "120", NONE, NODE_OLD, PLAIN) \
	X(SESSION_ABORT_TIMEOUT, "node.session.err_timeo.abort_timeout", \
	  INT, 12, "15", NONE, NODE_OLD, PLAIN) \
	X(SESSION_LU_RESET_TIMEOUT, "node.session.err_timeo.lu_reset_timeout", \
	  INT, 12, "30", NONE, NODE_OLD, PLAIN) \
	X(SESSION_TGT_RESET_TIMEOUT, "node.session.err_timeo.tgt_reset_timeout", \
	  INT, 12, "30", NONE, NODE_OLD, PLAIN) \
	X(SESSION_HOST_RESET_TIMEOUT, "node.session.err_timeo.host_reset_timeout", \
	  INT, 12, "60", NONE, NODE_OLD, PLAIN) \
	X(SESSION_FASTABORT, "node.session.iscsi.FastAbort", \
	  WORD, 4, "Yes", NO_YES, NODE_OLD, PLAIN) \
	X(SESSION_INITIALR2T, "node.session.iscsi.InitialR2T", \
	  WORD, 4, "No", NO_YES, NODE_OLD, PLAIN) \
	X(SESSION_IMMEDIATEDATA, "node.session.iscsi.ImmediateData", \
	  WORD, 4, "Yes", NO_YES, NODE_OLD, PLAIN) \
	X(SESSION_FIRSTBURSTLENGTH, "node.session.iscsi.FirstBurstLength", \
	  INT, 12, "262144", NONE, NODE_OLD, PLAIN) \
	X(SESSION_MAXBURSTLENGTH, "node.session.iscsi.MaxBurstLength", \
	  INT, 12, "16776192", NONE, NODE_OLD, PLAIN) \
	X(SESSION_DEFAULTTIME2RETAIN, "node.session.iscsi.DefaultTime2Retain", \
	  INT, 12, "0", NONE, NODE_OLD, PLAIN) \
	X(SESSION_DEFAULTTIME2WAIT, "node.session.iscsi.DefaultTime2Wait", \
	  INT, 12, "2", NONE, NODE_OLD, PLAIN) \
	X(SESSION_MAXCONNECTIONS, "node.session.iscsi.MaxConnections", \
	  INT, 12, "1", NONE, NODE_OLD, PLAIN) \
	X(SESSION_MAXOUTSTANDINGR2T, "node.session.iscsi.MaxOutstandingR2T", \
	  INT, 12, "1", NONE, NODE_OLD, PLAIN) \
	X(SESSION_ERL, "node.session.iscsi.ERL", INT, 12, "0", NONE, NODE_OLD, PLAIN) \
	X(SESSION_SCAN, "node.session.scan", WORD, 8, "auto", SCAN, NODE, PLAIN) \
	X(SESSION_REOPEN_MAX, "node.session.reopen_max", \
	  INT, 12, "0", NONE, NODE, PLAIN) \
	X(SESSION_CONN_REOPEN_LOG_FREQ, "node.session.conn_reopen_log_freq", \
	  INT, 12, "1", NONE, NODE, PLAIN) \
	X(SESSION_SESS_REOPEN_LOG_FREQ, "node.session.sess_reopen_log_freq", \
	  INT, 12, "1", NONE, NODE, PLAIN) \
	X(CONN_ADDRESS, "node.conn[0].address", TEXT, 256, "", NONE, NODE_OLD, FIXED) \
	X(CONN_PORT, "node.conn[0].port", INT, 12, "3260", NONE, NODE_OLD, FIXED) \
	X(CONN_STARTUP, "node.conn[0].startup", \
	  WORD, 12, "manual", STARTUP, NODE_OLD, PLAIN) \
	X(CONN_TCP_WINDOW_SIZE, "node.conn[0].tcp.window_size", \
	  INT, 12, "524288", NONE, NODE_OLD, PLAIN) \
	X(CONN_TCP_TYPE_OF_SERVICE, "node.conn[0].tcp.type_of_service", \
	  INT, 12, "0", NONE, NODE_OLD, PLAIN) \
	X(CONN_TCP_CONGESTION_CONTROL, "node.conn[0].tcp.congestion_control", \
	  TEXT, 16, "", NONE, NODE, PLAIN) \
	X(CONN_LOGOUT_TIMEOUT, "node.conn[0].timeo.logout_timeout", \
	  INT, 12, "15", NONE, NODE_OLD, PLAIN) \
	X(CONN_LOGIN_TIMEOUT, "node.conn[0].timeo.login_timeout", \
	  INT, 12, "30", NONE, NODE_OLD, PLAIN) \
	X(CONN_AUTH_TIMEOUT, "node.conn[0].timeo.auth_timeout", \
	  INT, 12, "45", NONE, NODE_OLD, PLAIN) \
	X(CONN_NOOP_OUT_INTERVAL, "node.conn[0].timeo.noop_out_interval", \
	  INT, 12, "5", NONE, NODE_OLD, PLAIN) \
	X(CONN_NOOP_OUT_TIMEOUT, "node.conn[0].timeo.noop_out_timeout", \
	  INT, 12, "5", NONE, NODE_OLD, PLAIN) \
	X(CONN_MAX_XMIT_DSL, "node.conn[0].iscsi.MaxXmitDataSegmentLength", \
	  INT, 12, "0", NONE, NODE_OLD, PLAIN) \
	X(CONN_MAX_RECV_DSL, "node.conn[0].iscsi.MaxRecvDataSegmentLength", \
	  INT, 12, "262144", NONE, NODE_OLD, PLAIN) \
	X(CONN_HEADERDIGEST, "node.conn[0].iscsi.HeaderDigest", \
	  WORD, 16, "None", DIGEST, NODE_OLD, PLAIN) \
	X(CONN_DATADIGEST, "node.conn[0].iscsi.DataDigest", \
	  WORD, 16, "None", DIGEST, NODE_OLD, PLAIN) \
	X(CONN_IFMARKER, "node.conn[0].iscsi.IFMarker", \
	  WORD, 4, "No", NO_YES, NODE_OLD, PLAIN) \
	X(CONN_OFMARKER, "node.conn[0].iscsi.OFMarker", \
	  WORD, 4, "No", NO_YES, NODE_OLD, PLAIN) \
	X(ST_STARTUP, "discovery.startup", \
	  WORD, 12, "manual", DISC_STARTUP, ST_OLD, PLAIN) \
	X(ST_TYPE, "discovery.type", \
	  WORD, 24, "sendtargets", DISC_TYPE, ST_OLD, FIXED) \
	X(ST_ADDRESS, "discovery.sendtargets.address", \
	  TEXT, 256, "", NONE, ST_OLD, FIXED) \
	X(ST_PORT, "discovery.sendtargets.port", INT, 12, "3260", NONE, ST_OLD, FIXED) \
	X(ST_AUTH_AUTHMETHOD, "discovery.sendtargets.auth.authmethod", \
	  WORD, 8, "None", AUTH, ST_OLD, PLAIN) \
	X(ST_AUTH_USERNAME, "discovery.sendtargets.auth.username", \
	  TEXT, 256, "", NONE, ST_OLD, PLAIN) \
	X(ST_AUTH_PASSWORD, "discovery.sendtargets.auth.password", \
	  TEXT, 256, "", NONE, ST_OLD, SECRET) \
	X(ST_AUTH_PASSWORD_LENGTH, "discovery.sendtargets.auth.password_length", \
	  INT, 12, "0", NONE, ST_OLD, HIDDEN) \
	X(ST_AUTH_USERNAME_IN, "discovery.sendtargets.auth.username_in", \
	  TEXT, 256, "", NONE, ST_OLD, PLAIN) \
	X(ST_AUTH_PASSWORD_IN, "discovery.sendtargets.auth.password_in", \
	  TEXT, 256, "", NONE, ST_OLD, SECRET) \
	X(ST_AUTH_PASSWORD_IN_LENGTH, "discovery.sendtargets.auth.password_in_length", \
	  INT, 12, "0", NONE, ST_OLD, HIDDEN) \
	X(ST_LOGIN_TIMEOUT, "discovery.sendtargets.timeo.login_timeout", \
	  INT, 12, "15", NONE, ST_OLD, PLAIN) \
	X(ST_USE_DISCOVERYD, "discovery.sendtargets.use_discoveryd", \
	  WORD, 4, "No", NO_YES, ST_OLD, PLAIN) \
	X(ST_DISCOVERYD_POLL_INVAL, "discovery.sendtargets.discoveryd_poll_inval", \
	  INT, 12, "30", NONE, ST_OLD, PLAIN) \
	X(ST_REOPEN_MAX, "discovery.sendtargets.reopen_max", \
	  INT, 12, "5", NONE, ST_OLD, PLAIN) \
	X(ST_AUTH_TIMEOUT, "discovery.sendtargets.timeo.auth_timeout", \
	  INT, 12, "45", NONE, ST_OLD, PLAIN) \
	X(ST_ACTIVE_TIMEOUT, "discovery.sendtargets.timeo.active_timeout", \
	  INT, 12, "30", NONE, ST_OLD, PLAIN) \
	X(ST_MAX_RECV_DSL, "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength", \
	  INT, 12, "32768", NONE, ST_OLD, PLAIN)
/* clang-format on */

#endif
