##! Intelligence on AE titles and implementation UIDs.

@load base/frameworks/intel

@load ./main

module Intel;

export {
	redef enum Intel::Type += {
		## A DICOM AE title.
		DICOM_AE_TITLE,
		## A DICOM Implementation Class UID.
		DICOM_IMPLEMENTATION_UID,
	};

	redef enum Intel::Where += {
		DICOM::IN_CALLING_AE_TITLE,
		DICOM::IN_CALLED_AE_TITLE,
		DICOM::IN_MOVE_DESTINATION,
		DICOM::IN_IMPLEMENTATION_UID,
	};
}

module DICOM;

function look_up(c: connection, what: string, what_type: Intel::Type, where: Intel::Where)
	{
	Intel::seen(Intel::Seen($indicator=what, $indicator_type=what_type, $where=where, $conn=c));
	}

hook association_requested(c: connection)
	{
	local info = c$dicom;

	if ( info?$calling_ae )
		look_up(c, info$calling_ae, Intel::DICOM_AE_TITLE, IN_CALLING_AE_TITLE);

	if ( info?$called_ae )
		look_up(c, info$called_ae, Intel::DICOM_AE_TITLE, IN_CALLED_AE_TITLE);

	if ( info?$orig_impl_uid )
		look_up(c, info$orig_impl_uid, Intel::DICOM_IMPLEMENTATION_UID, IN_IMPLEMENTATION_UID);
	}

hook association_accepted(c: connection)
	{
	if ( c$dicom?$resp_impl_uid )
		look_up(c, c$dicom$resp_impl_uid, Intel::DICOM_IMPLEMENTATION_UID, IN_IMPLEMENTATION_UID);
	}

hook command_seen(c: connection, is_orig: bool, m: Command)
	{
	if ( m$field == 0x0021 && m$move_destination != "" )
		look_up(c, m$move_destination, Intel::DICOM_AE_TITLE, IN_MOVE_DESTINATION);
	}
