package peer;

import java.util.Map;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.ProcessorNode;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;
import org.apache.kafka.streams.state.internals.WrappedStateStore;

/**
 * A store without content, which Kafka Streams asks to flush before it commits, while records may still be forwarded.
 *
 * Without it, records that wait for their batch would be committed as processed and lost in a crash. The interface is an
 * internal one: this is what an expert would have to do, and maintain.
 */
final class BeforeCommit implements StateStore, CachedStateStore<byte[], byte[]> {
    private static final String NAME = "before-commit";

    private Runnable action = () -> {};
    private boolean open;

    static void run(ProcessorContext<String, byte[]> context, Runnable action) {
        StateStore store = context.getStateStore(NAME);
        while (store instanceof WrappedStateStore<?, ?, ?> wrapper) {
            store = wrapper.wrapped();
        }
        InternalProcessorContext<?, ?> inner = (InternalProcessorContext<?, ?>) (Object) context;
        ProcessorNode<?, ?, ?, ?> node = inner.currentNode();
        ((BeforeCommit) store).action = () -> {
            ProcessorNode<?, ?, ?, ?> current = inner.currentNode();
            inner.setCurrentNode(node);
            try {
                action.run();
            } finally {
                inner.setCurrentNode(current);
            }
        };
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public void init(StateStoreContext context, StateStore root) {
        context.register(root, (key, value) -> {});
        open = true;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        open = false;
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public boolean setFlushListener(CacheFlushListener<byte[], byte[]> listener, boolean sendOldValues) {
        return false;
    }

    @Override
    public void flushCache() {
        action.run();
    }

    @Override
    public void clearCache() {}

    static final class Builder implements StoreBuilder<BeforeCommit> {
        @Override
        public StoreBuilder<BeforeCommit> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<BeforeCommit> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<BeforeCommit> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<BeforeCommit> withLoggingDisabled() {
            return this;
        }

        @Override
        public BeforeCommit build() {
            return new BeforeCommit();
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public boolean loggingEnabled() {
            return false;
        }

        @Override
        public String name() {
            return NAME;
        }
    }
}
