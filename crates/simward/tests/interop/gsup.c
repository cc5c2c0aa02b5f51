/* One question to a home register over GSUP: the vectors of a subscriber, after an AUTS if one is given; or, with
 * "location", the number under which it would register the subscriber.
 *
 *   gsup HOST IMSI                   prints RAND AUTN RES of the first vector, or "error CAUSE"
 *   gsup HOST IMSI RAND AUTS         the same, after this resynchronisation
 *   gsup HOST IMSI location          prints "msisdn DIGITS", or "error CAUSE"
 *
 * cc gsup.c $(pkg-config --cflags --libs libosmo-gsup-client)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <osmocom/core/application.h>
#include <osmocom/core/logging.h>
#include <osmocom/core/msgb.h>
#include <osmocom/core/select.h>
#include <osmocom/core/timer.h>
#include <osmocom/core/utils.h>
#include <osmocom/gsm/gsm48.h>
#include <osmocom/gsm/gsup.h>
#include <osmocom/gsupclient/gsup_client.h>

static struct osmo_gsup_client *client;
static struct osmo_gsup_message question;
static int answered = -1;

static void done(int code)
{
	fflush(stdout);
	answered = code;
}

static void print(const uint8_t *octets, size_t length)
{
	printf("%s ", osmo_hexdump_nospc(octets, length));
}

static int heard(struct osmo_gsup_client *from, struct msgb *msg)
{
	struct osmo_gsup_message said;
	char number[32] = "";

	(void)from;
	if (osmo_gsup_decode(msgb_l2(msg), msgb_l2len(msg), &said) < 0) {
		printf("nonsense\n");
		done(2);
	} else if (OSMO_GSUP_IS_MSGT_ERROR(said.message_type)) {
		printf("error %d\n", said.cause);
		done(1);
	} else if (said.message_type == OSMO_GSUP_MSGT_SEND_AUTH_INFO_RESULT && said.num_auth_vectors > 0) {
		print(said.auth_vectors[0].rand, sizeof(said.auth_vectors[0].rand));
		print(said.auth_vectors[0].autn, sizeof(said.auth_vectors[0].autn));
		print(said.auth_vectors[0].res, said.auth_vectors[0].res_len);
		printf("\n");
		done(0);
	} else if (said.message_type == OSMO_GSUP_MSGT_INSERT_DATA_REQUEST) {
		gsm48_decode_bcd_number2(number, sizeof(number), said.msisdn_enc, said.msisdn_enc_len, 0);
		printf("msisdn %s\n", number);
		done(0);
	}
	msgb_free(msg);
	return 0;
}

static void ask(void *nothing)
{
	static struct osmo_timer_list again;

	(void)nothing;
	if (client->is_connected) {
		osmo_gsup_client_enc_send(client, &question);
		return;
	}
	osmo_timer_setup(&again, ask, NULL);
	osmo_timer_schedule(&again, 0, 50000);
}

static void late(void *nothing)
{
	(void)nothing;
	printf("silence\n");
	done(2);
}

int main(int argc, char **argv)
{
	static uint8_t rand[16], auts[14];
	struct osmo_timer_list patience = { 0 };

	if (argc < 3) {
		fprintf(stderr, "gsup HOST IMSI [RAND AUTS | location]\n");
		return 2;
	}
	osmo_init_logging2(NULL, NULL);
	log_set_log_level(osmo_stderr_target, LOGL_FATAL);
	OSMO_STRLCPY_ARRAY(question.imsi, argv[2]);
	question.message_type = OSMO_GSUP_MSGT_SEND_AUTH_INFO_REQUEST;
	if (argc == 4) {
		question.message_type = OSMO_GSUP_MSGT_UPDATE_LOCATION_REQUEST;
		question.cn_domain = OSMO_GSUP_CN_DOMAIN_CS;
	} else if (argc == 5) {
		osmo_hexparse(argv[3], rand, sizeof(rand));
		osmo_hexparse(argv[4], auts, sizeof(auts));
		question.rand = rand;
		question.auts = auts;
	}
	client = osmo_gsup_client_create(NULL, "thief", argv[1], 4222, heard, NULL);
	if (!client)
		return 2;
	osmo_timer_setup(&patience, late, NULL);
	osmo_timer_schedule(&patience, 5, 0);
	ask(NULL);
	while (answered < 0)
		osmo_select_main(0);
	return answered;
}
