import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.*;
import java.util.Arrays;
import java.util.UUID;
import org.postgresql.PGConnection;

/** JDBC in each of its ways of asking. */
public class Client {
  static void check(String name, Object got, Object expected) {
    if (!String.valueOf(got).equals(String.valueOf(expected))) throw new AssertionError(name + ": " + got + ", not " + expected);
  }

  static String rows(ResultSet result) throws SQLException {
    StringBuilder text = new StringBuilder();
    while (result.next())
      for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) text.append(result.getString(i)).append(' ');
    return text.toString().trim();
  }

  public static void main(String[] words) throws SQLException, java.io.IOException {
    for (String way : new String[] {"preferQueryMode=extended", "preferQueryMode=simple", "prepareThreshold=1&binaryTransfer=true",
        "preferQueryMode=extendedCacheEverything", "reWriteBatchedInserts=true"}) {
      String address = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/postgres?user=postgres&" + way;
      try (Connection connection = DriverManager.getConnection(address)) {
        speak(connection);
      }
      System.out.println("  ok " + way);
    }
  }

  static void speak(Connection connection) throws SQLException, java.io.IOException {
    Statement statement = connection.createStatement();
    statement.execute("drop table if exists j; create table j (id serial primary key, n numeric(10,2), t timestamptz, a int[], u uuid, s text)");
    PreparedStatement insert =
        connection.prepareStatement("insert into j (n, t, a, u, s) values (?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS);
    for (int i = 1; i <= 7; i++) {
      insert.setBigDecimal(1, new BigDecimal("12.34"));
      insert.setTimestamp(2, new Timestamp(1_700_000_000_123L));
      insert.setArray(3, connection.createArrayOf("int4", new Integer[] {1, null}));
      insert.setObject(4, new UUID(0, 5));
      insert.setString(5, "x");
      insert.executeUpdate();
      ResultSet keys = insert.getGeneratedKeys();
      keys.next();
      check("a generated key", keys.getInt("id"), i);
    }
    PreparedStatement select = connection.prepareStatement("select n, t, a, u from j where id = ?");
    for (int i = 1; i <= 7; i++) {
      select.setInt(1, i);
      ResultSet row = select.executeQuery();
      row.next();
      check("types", row.getBigDecimal(1) + " " + row.getTimestamp(2).getTime() + " " + Arrays.toString((Object[]) row.getArray(3).getArray())
          + " " + row.getObject(4), "12.34 1700000000123 [1, null] 00000000-0000-0000-0000-000000000005");
    }

    PreparedStatement batch = connection.prepareStatement("insert into j (n, s) values (?, ?)");
    for (int i = 0; i < 50; i++) {
      batch.setInt(1, i);
      batch.setString(2, "b" + i);
      batch.addBatch();
    }
    batch.executeBatch();
    connection.unwrap(PGConnection.class).getCopyAPI().copyIn("copy j (id, s) from stdin csv", new StringReader("900,a\n901,b\n"));
    check("a batch and COPY", rows(statement.executeQuery("select count(*), max(id) from j")), "59 901");

    connection.setAutoCommit(false);
    Statement slow = connection.createStatement();
    slow.setFetchSize(10);
    ResultSet piecemeal = slow.executeQuery("select id from j");
    int count = 0;
    while (piecemeal.next()) count++;
    check("rows in pieces", count, 59);
    Savepoint savepoint = connection.setSavepoint();
    try {
      statement.execute("insert into j (id) values (1)");
      throw new AssertionError("a duplicate was taken");
    } catch (SQLException error) {
      check("a duplicate", error.getSQLState(), "23505");
      connection.rollback(savepoint);
    }
    connection.commit();
    connection.setAutoCommit(true);

    DatabaseMetaData about = connection.getMetaData();
    ResultSet table = about.getTables(null, "public", "j", new String[] {"TABLE"});
    check("the table's name", table.next() ? table.getString("TABLE_NAME") : "none", "j");
    ResultSet key = about.getPrimaryKeys(null, "public", "j");
    check("its primary key", key.next() ? key.getString("COLUMN_NAME") : "none", "id");

    slow.setQueryTimeout(1);
    try {
      slow.execute("select pg_sleep(20)");
      throw new AssertionError("the sleep was not canceled");
    } catch (SQLException error) {
      check("a timeout", error.getSQLState(), "57014");
    }
  }
}
