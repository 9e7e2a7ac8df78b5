package troth.peers;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;

/** DeleteTopic BOOTSTRAP TOPIC: returns when nobody can see it any more. */
final class DeleteTopic {
    private DeleteTopic() {
    }

    public static void main(String[] words) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", words[0]))) {
            admin.deleteTopics(List.of(words[1])).all().get();
            while (admin.listTopics().names().get().contains(words[1])) {
                Thread.sleep(20);
            }
        }
    }
}
