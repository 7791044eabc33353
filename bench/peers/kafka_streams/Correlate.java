package bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The rule in Kafka Streams: state in RocksDB with a changelog, exactly once.
 *
 * <p>The input is partitioned by person already, so nothing is repartitioned. Arguments: bootstrap
 * servers, source, target, group, folder, file of the event schema, its id, file of the match schema,
 * types of the rule (first, second), its window in milliseconds, threads.
 */
public final class Correlate {
    private static final String STORE = "waiting";
    private static final int ENTRY = 32 + Long.BYTES;

    private record Rule(String first, String second, long withinMs) {}

    public static void main(String[] args) throws Exception {
        Schema events = new Schema.Parser().parse(Files.readString(Path.of(args[5])));
        Schema matches = new Schema.Parser().parse(Files.readString(Path.of(args[7])));
        int schemaId = Integer.parseInt(args[6]);
        Rule rule = new Rule(args[8], args[9], Long.parseLong(args[10]));
        Topology topology = new Topology();
        topology.addSource("events", args[1]);
        topology.addProcessor("correlate", () -> new Pairing(events, schemaId, matches, rule), "events");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray()),
                "correlate");
        topology.addSink("matches", args[2], "correlate");
        KafkaStreams streams = new KafkaStreams(topology, configuration(args));
        streams.setUncaughtExceptionHandler(fault -> {
            fault.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
        streams.start();
    }

    private static Properties configuration(String[] args) {
        Properties properties = new Properties();
        properties.putAll(Map.of(
                StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0],
                StreamsConfig.APPLICATION_ID_CONFIG, args[3],
                StreamsConfig.STATE_DIR_CONFIG, args[4],
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2,
                StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[11],
                StreamsConfig.REPLICATION_FACTOR_CONFIG, "1",
                StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArray().getClass(),
                StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArray().getClass(),
                StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4",
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest"));
        return properties;
    }

    /** Keeps the jobs lost of each person and pairs them with the arrears that follow. */
    private static final class Pairing implements Processor<byte[], byte[], byte[], byte[]> {
        private final int schemaId;
        private final Schema matches;
        private final Rule rule;
        private final GenericDatumReader<GenericRecord> reader;
        private final GenericDatumWriter<GenericRecord> writer;
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> waiting;
        private BinaryDecoder decoder;
        private GenericRecord event;

        Pairing(Schema events, int schemaId, Schema matches, Rule rule) {
            this.schemaId = schemaId;
            this.matches = matches;
            this.rule = rule;
            this.reader = new GenericDatumReader<>(events);
            this.writer = new GenericDatumWriter<>(matches);
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            this.waiting = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            byte[] value = record.value();
            if (value == null || value.length < 5 || ByteBuffer.wrap(value).getInt(1) != schemaId) {
                return;
            }
            try {
                decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, decoder);
                event = reader.read(event, decoder);
                String type = event.get("type").toString();
                if (type.equals(rule.first())) {
                    open();
                } else if (type.equals(rule.second())) {
                    complete(record);
                }
            } catch (java.io.IOException fault) {
                throw new java.io.UncheckedIOException(fault);
            }
        }

        private void open() {
            byte[] person = bytes("person");
            byte[] before = waiting.get(person);
            long now = (Long) event.get("occurred_at");
            ByteBuffer after = ByteBuffer.allocate((before == null ? 0 : before.length) + ENTRY);
            for (int at = 0; before != null && at < before.length; at += ENTRY) {
                if (now - ByteBuffer.wrap(before).getLong(at + 32) <= rule.withinMs()) {
                    after.put(before, at, ENTRY);
                }
            }
            after.put(bytes("id")).putLong(now);
            waiting.put(person, java.util.Arrays.copyOf(after.array(), after.position()));
        }

        private void complete(Record<byte[], byte[]> record) throws java.io.IOException {
            byte[] person = bytes("person");
            byte[] before = waiting.get(person);
            if (before == null) {
                return;
            }
            long now = (Long) event.get("occurred_at");
            for (int at = 0; at < before.length; at += ENTRY) {
                if (now - ByteBuffer.wrap(before).getLong(at + 32) <= rule.withinMs()) {
                    String first = new String(before, at, 32, StandardCharsets.US_ASCII);
                    context.forward(record.withKey(person).withValue(match(first)));
                }
            }
            waiting.delete(person);
        }

        private byte[] match(String first) throws java.io.IOException {
            GenericRecord match = new GenericData.Record(matches);
            match.put("person", event.get("person"));
            match.put("first", first);
            match.put("second", event.get("id"));
            var target = new java.io.ByteArrayOutputStream();
            var encoder = EncoderFactory.get().directBinaryEncoder(target, null);
            writer.write(match, encoder);
            return target.toByteArray();
        }

        private byte[] bytes(String field) {
            return event.get(field).toString().getBytes(StandardCharsets.US_ASCII);
        }
    }
}
