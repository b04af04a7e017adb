# @TEST-DOC: Two workers each see half of what goes on. The proxies put it together: one row for each endpoint, a scan that only both halves make, and the inventory that only the manager reads.
#
# @TEST-PORT: BROKER_MANAGER_PORT
# @TEST-PORT: BROKER_PROXY1_PORT
# @TEST-PORT: BROKER_PROXY2_PORT
# @TEST-PORT: BROKER_WORKER1_PORT
# @TEST-PORT: BROKER_WORKER2_PORT
#
# @TEST-EXEC: cp ${FILES}/cluster-layout.zeek .
# @TEST-EXEC: scenarios.py sensor_1 1.pcap
# @TEST-EXEC: scenarios.py sensor_2 2.pcap
# @TEST-EXEC: ZEEKPATH=.:$(zeek-config --zeekpath):.. btest-bg-run manager CLUSTER_NODE=manager zeek -C ${PACKAGE} %INPUT
# @TEST-EXEC: ZEEKPATH=.:$(zeek-config --zeekpath):.. btest-bg-run proxy-1 CLUSTER_NODE=proxy-1 zeek -C ${PACKAGE} %INPUT
# @TEST-EXEC: ZEEKPATH=.:$(zeek-config --zeekpath):.. btest-bg-run proxy-2 CLUSTER_NODE=proxy-2 zeek -C ${PACKAGE} %INPUT
# @TEST-EXEC: ZEEKPATH=.:$(zeek-config --zeekpath):.. btest-bg-run worker-1 CLUSTER_NODE=worker-1 zeek -C -r ../1.pcap ${PACKAGE} %INPUT
# @TEST-EXEC: ZEEKPATH=.:$(zeek-config --zeekpath):.. btest-bg-run worker-2 CLUSTER_NODE=worker-2 zeek -C -r ../2.pcap ${PACKAGE} %INPUT
# @TEST-EXEC: btest-bg-wait 90
# @TEST-EXEC: columns manager/dicom.log id.orig_h id.resp_h result store_rq echo_rq | sort >associations
# @TEST-EXEC: columns manager/known_dicom.log host port_num ae_title role category basis | sort -u >endpoints
# @TEST-EXEC: columns manager/known_dicom.log host modalities | grep 10.1.0.20 | awk '{ print length($2), $2 }' | sort -n | tail -1 | awk '{ n = split($2, m, ","); print n " modalities of 10.1.0.20" }' >modalities
# @TEST-EXEC: columns manager/notice.log note sub msg | sort -u >notices
# @TEST-EXEC: btest-diff associations
# @TEST-EXEC: btest-diff endpoints
# @TEST-EXEC: btest-diff modalities
# @TEST-EXEC: btest-diff notices
# @TEST-EXEC-FAIL: grep -qs ERROR manager/reporter.log

redef exit_only_after_terminate = T;
redef Log::default_rotation_interval = 0sec;
redef DICOM::inventory_file = "../inventory.tsv";

@load policy/frameworks/cluster/experimental

# Since 8.1 the backend has to be chosen.
@if ( Version::at_least("8.1.0") )
@load policy/frameworks/cluster/backend/broker
@endif

global go_on: event();
global worker_done: event(name: string);
global all_done: event(kind: Cluster::NodeType);
global done = 0;
global down = 0;

event zeek_init()
	{
	Cluster::subscribe("test/manager");
	Cluster::subscribe("test/all");

	if ( Cluster::local_node_type() == Cluster::WORKER )
		suspend_processing();
	}

# The manager's timers go on while the workers wait: the inventory arrives meanwhile.
event go_on()
	{
	if ( Cluster::local_node_type() == Cluster::WORKER )
		continue_processing();
	}

event start_workers()
	{
	Cluster::publish("test/all", go_on);
	}

event Cluster::Experimental::cluster_started()
	{
	if ( Cluster::local_node_type() == Cluster::MANAGER )
		schedule 2sec { start_workers() };
	}

event Pcap::file_done(path: string)
	{
	Cluster::publish("test/manager", worker_done, Cluster::node);
	}

# The workers go first, then the proxies, so that the logger gets what they still have.
event finish_proxies()
	{
	Cluster::publish("test/all", all_done, Cluster::PROXY);
	}

event worker_done(name: string)
	{
	if ( Cluster::local_node_type() == Cluster::MANAGER && ++done == 2 )
		Cluster::publish("test/all", all_done, Cluster::WORKER);
	}

event all_done(kind: Cluster::NodeType)
	{
	if ( Cluster::local_node_type() == kind )
		terminate();
	}

event stop()
	{
	terminate();
	}

event Cluster::node_down(name: string, id: string)
	{
	if ( Cluster::local_node_type() != Cluster::MANAGER )
		return;

	if ( ++down == 2 )
		schedule 3sec { finish_proxies() };

	if ( down == 4 )
		schedule 2sec { stop() };
	}

# @TEST-START-FILE inventory.tsv
#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	inventory
#fields	match	name	role	modality	site
#types	string	string	string	string	string
10.1.0.20	PACS	pacs	-	-
# @TEST-END-FILE
